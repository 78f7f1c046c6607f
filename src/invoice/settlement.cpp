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

    ~Question() override;

    // False: every url that is left rests.
    bool begin();
    void join(Asker &asker) noexcept;
    void leave(Asker &asker) noexcept;

private:
    void http_answered(const HttpAnswer &answer) noexcept override;
    void http_failed(std::string_view error) noexcept override;

    const InvoiceService &service() const { return client_.service_; }

    void take(const SettlementAnswer &answer, bool answered);
    void next();
    void finish(Settlement state) noexcept;
    void give_up() noexcept;
    void report(bool worked, bool answered) noexcept;

    SettlementClient              &client_;
    Hash                           hash_;
    uint64_t                       deadline_;
    size_t                         endpoint_ = 0;
    Leave                          leave_ = Leave::no;
    std::string                    error_;  // the last one
    bool                           failed_ = false;
    bool                           finished_ = false;
    std::list<Asker *>             askers_;
    std::unique_ptr<HttpExchange>  exchange_;
};

SettlementClient::Question::~Question()
{
    if (leave_ != Leave::no) {
        client_.state_.given_up(endpoint_, leave_);
    }

    for (Asker *asker : askers_) {
        asker->question = nullptr;
    }
}

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

bool SettlementClient::Question::begin()
{
    for ( ; endpoint_ < service().endpoints.size(); endpoint_++) {
        leave_ = client_.state_.leave(endpoint_);

        if (leave_ != Leave::no) {
            break;
        }

        // It may be the one that has the money.
        failed_ = true;
        error_ = "a url that would have to be asked rests";
    }

    if (endpoint_ == service().endpoints.size()) {
        return false;
    }

    uint64_t now = client_.transport_.milliseconds();
    uint64_t left = deadline_ > now ? deadline_ - now : 1;

    // A hung endpoint may not eat the time of those behind it.
    exchange_ = client_.transport_.send(service().endpoints[endpoint_],
        service().protocol->settlement->ask(service().credential, hash_),
        left / (service().endpoints.size() - endpoint_) + 1, *this);
    return true;
}

// A credential that may make invoices and not read them is no reason to sell
// nothing: an error that is answered does not count.
void SettlementClient::Question::report(bool worked, bool answered) noexcept
{
    if (worked) {
        client_.state_.worked(endpoint_, leave_);

    } else if (answered) {
        client_.state_.given_up(endpoint_, leave_);

    } else {
        client_.state_.failed(endpoint_, leave_, error_);
    }

    leave_ = Leave::no;
}

void SettlementClient::Question::next()
{
    if (++endpoint_ < service().endpoints.size()
        && client_.transport_.milliseconds() >= deadline_)
    {
        if (!failed_) {
            error_ = "timed out";
        }

        finish(Settlement::failed);
        return;
    }

    if (!begin()) {
        finish(failed_ ? Settlement::failed : Settlement::gone);
    }
}

// Urls may be different nodes: who does not know an invoice, or has canceled
// it, does not speak for the others. Who waits for the money does.
void SettlementClient::Question::take(const SettlementAnswer &answer,
    bool answered)
{
    exchange_.reset();

    if (answer.state == Settlement::failed) {
        failed_ = true;
        error_ = answer.error;
    }

    report(answer.state != Settlement::failed, answered);

    switch (answer.state) {

    case Settlement::settled:
    case Settlement::pending:
        finish(answer.state);
        return;

    case Settlement::gone:
    case Settlement::unknown:
    case Settlement::failed:
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
            answer), true);

    } catch (...) {
        give_up();
    }
}

void SettlementClient::Question::http_failed(std::string_view error) noexcept
{
    try {
        // The exchange that owns this text ends in take().
        take({Settlement::failed, std::string(error)}, false);

    } catch (...) {
        give_up();
    }
}

SettlementClient::SettlementClient(const InvoiceService &service,
    HttpTransport &transport, ServiceState &state)
    : service_(service), transport_(transport), state_(state)
{
}

SettlementClient::~SettlementClient() = default;

SettlementClient::Start SettlementClient::ask(const Hash &payment_hash,
    SettlementWaiter &waiter, std::unique_ptr<PendingSettlement> &out)
{
    auto found = questions_.find(payment_hash);

    if (found == questions_.end() && questions_.size() >= service_.max_in_flight)
    {
        return Start::busy;
    }

    auto asker = std::make_unique<Asker>(waiter);

    if (found == questions_.end()) {
        auto question = std::make_unique<Question>(*this, payment_hash);

        if (!question->begin()) {
            return Start::resting;
        }

        found = questions_.emplace(payment_hash, std::move(question)).first;
    }

    found->second->join(*asker);
    out = std::move(asker);
    return Start::asked;
}

}  // namespace l402
