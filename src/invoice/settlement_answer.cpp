#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

#include <utility>

namespace l402 {

SettlementAnswer not_told(std::string error)
{
    return {Settlement::failed, std::move(error)};
}

bool is_about(const nlohmann::json &invoice, const char *name,
    const Hash &payment_hash, std::string &error)
{
    const std::string *digits = find_text(invoice, name);
    Hash named;

    if (!digits) {
        error = std::string("answered with no ") + name;
        return false;
    }

    if (digits->size() != 2 * named.size()
        || !hex_decode(*digits, named.data()) || named != payment_hash)
    {
        error = std::string("answered with a ") + name
                + " that is not the one asked for";
        return false;
    }

    return true;
}

SettlementAnswer read_word(const nlohmann::json &object, const char *name,
    std::initializer_list<SettlementWord> words)
{
    const std::string *text = find_text(object, name);

    if (!text) {
        return not_told(std::string("answered with no ") + name);
    }

    for (const SettlementWord &word : words) {
        if (*text == word.word) {
            return {word.state, {}};
        }
    }

    return not_told(std::string("answered with a ") + name
                    + " that has no meaning here");
}

const bool *find_flag(const nlohmann::json &object, const char *name)
{
    auto member = object.find(name);

    return member != object.end() && member->is_boolean()
               ? member->get_ptr<const bool *>() : nullptr;
}

}  // namespace l402
