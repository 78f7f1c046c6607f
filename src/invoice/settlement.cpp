#include "l402/settlement_client.h"

#include <list>

namespace l402 {

class SettlementClient::Asker final : public PendingSettlement {
public:
    explicit Asker(SettlementWaiter &waiter) : waiter(waiter) {}
    ~Asker() override;

    SettlementWaiter              &waiter;
    Question                      *question = nullptr;
    std::list<Asker *>             node{this};  // until it joins a question
    std::list<Asker *>::iterator   at = node.begin();
};

// Walks the endpoints until one knows of the money, or all have answered, or
// the deadline is reached.
class SettlementClient::Question final : private HttpWaiter {
public:
    Question(SettlementClient &client, const Hash &hash)
        : client_(client),
          hash_(hash),
          deadline_(client.transport_.milliseconds()
                    + client.service_.timeout)
    {
    }

    void begin();
    void join(Asker &asker) noexcept;
    void leave(Asker &asker) noexcept;

private:
    void http_answered(const HttpAnswer &answer) noexcept override;
    void http_failed(std::string_view error) noexcept override;

    const InvoiceService &service() const { return client_.service_; }

    void take(const SettlementAnswer &answer);
    void next();
    void finish(Settlement state) noexcept;
    void give_up() noexcept;

    SettlementClient              &client_;
    Hash                           hash_;
    uint64_t                       deadline_;
    size_t                         endpoint_ = 0;
    std::string                    error_;  // the last one
    bool                           failed_ = false;
    bool                           finished_ = false;
    std::list<Asker *>             askers_;
    std::unique_ptr<HttpExchange>  exchange_;
};

SettlementClient::Asker::~Asker()
{
    if (question) {
        question->leave(*this);
    }
}

void SettlementClient::Question::join(Asker &asker) noexcept
{
    askers_.splice(askers_.end(), asker.node);
    asker.question = this;
}

// May destroy this object.
void SettlementClient::Question::leave(Asker &asker) noexcept
{
    askers_.erase(asker.at);

    if (askers_.empty() && !finished_) {
        client_.questions_.erase(hash_);
    }
}

void SettlementClient::Question::begin()
{
    uint64_t now = client_.transport_.milliseconds();
    uint64_t left = deadline_ > now ? deadline_ - now : 1;

    // A hung endpoint may not eat the time of those behind it.
    exchange_ = client_.transport_.send(service().endpoints[endpoint_],
        service().protocol->settlement->ask(service().credential, hash_),
        left / (service().endpoints.size() - endpoint_) + 1, *this);
}

void SettlementClient::Question::next()
{
    if (++endpoint_ == service().endpoints.size()) {
        finish(failed_ ? Settlement::failed : Settlement::gone);
        return;
    }

    if (client_.transport_.milliseconds() >= deadline_) {
        if (!failed_) {
            error_ = "timed out";
        }

        finish(Settlement::failed);
        return;
    }

    begin();
}

// Urls may be different nodes: who does not know an invoice, or has canceled
// it, does not speak for the others. Who waits for the money does.
void SettlementClient::Question::take(const SettlementAnswer &answer)
{
    exchange_.reset();

    switch (answer.state) {

    case Settlement::settled:
    case Settlement::pending:
        finish(answer.state);
        return;

    case Settlement::gone:
    case Settlement::unknown:
        break;

    case Settlement::failed:
        failed_ = true;
        error_ = answer.error;
        break;
    }

    next();
}

// Who is told may destroy other askers and ask anew. This object goes at the
// end: nothing may be touched after it.
void SettlementClient::Question::finish(Settlement state) noexcept
{
    auto self = std::move(client_.questions_.find(hash_)->second);

    client_.questions_.erase(hash_);
    finished_ = true;
    exchange_.reset();

    while (!askers_.empty()) {
        Asker *asker = askers_.front();

        asker->node.splice(asker->node.end(), askers_, askers_.begin());
        asker->question = nullptr;
        asker->waiter.settlement_told(state,
            state == Settlement::failed ? std::string_view(error_)
                                        : std::string_view());
    }
}

void SettlementClient::Question::give_up() noexcept
{
    error_ = "out of memory";
    finish(Settlement::failed);
}

void SettlementClient::Question::http_answered(const HttpAnswer &answer)
    noexcept
{
    try {
        take(service().protocol->settlement->read(service().credential, hash_,
            answer));

    } catch (...) {
        give_up();
    }
}

void SettlementClient::Question::http_failed(std::string_view error) noexcept
{
    try {
        // The exchange that owns this text ends in take().
        take({Settlement::failed, std::string(error)});

    } catch (...) {
        give_up();
    }
}

SettlementClient::SettlementClient(const InvoiceService &service,
    HttpTransport &transport)
    : service_(service), transport_(transport)
{
}

SettlementClient::~SettlementClient() = default;

std::unique_ptr<PendingSettlement> SettlementClient::ask(
    const Hash &payment_hash, SettlementWaiter &waiter)
{
    auto found = questions_.find(payment_hash);

    if (found == questions_.end() && questions_.size() >= service_.max_in_flight)
    {
        return nullptr;
    }

    auto asker = std::make_unique<Asker>(waiter);

    if (found == questions_.end()) {
        auto question = std::make_unique<Question>(*this, payment_hash);

        question->begin();
        found = questions_.emplace(payment_hash, std::move(question)).first;
    }

    found->second->join(*asker);
    return asker;
}

}  // namespace l402
