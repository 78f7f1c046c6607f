// The state of a request, and what the files here call in each other.
#pragma once

#include "ngx_http_l402_conf.h"

class ngx_http_l402_settling_t;
struct ngx_http_l402_counted_t;
struct ngx_http_l402_freed_t;

// A request's state. An internal redirect zeroes nginx's own contexts, but not
// the values of variables: it hangs there, and is shared by subrequests.
struct ngx_http_l402_ctx_t {
    l402::Verdict  verdict;     // of the location the request is in
    l402::Result   result;
    const ngx_http_l402_loc_conf_t *location;  // that one; null: none yet

    // A credential that was good where the request came through, carried
    // over internal redirects; the header itself is gone by then.
    ngx_str_t      verified_service;
    uint8_t        verified_tier;
    uint8_t        verified_token_id[32];
    uint8_t        verified_payment_hash[32];

    ngx_str_t      authorization;
    ngx_str_t      macaroon;
    ngx_str_t      grpc_metadata_macaroon;

    // What the client asked for, before any redirect of ours.
    ngx_str_t      host;
    ngx_str_t      path;
    ngx_str_t      method;

    l402::Upgrade *upgrade;     // null: the full price
    uint64_t       price_msat;

    // What nodes were asked about its payment; null: nothing.
    ngx_http_l402_settling_t *settling;
    // What was reserved of it; null: nothing yet.
    ngx_http_l402_counted_t  *counted;
    l402::Amount   left;        // of it, where has_left

    // The quotas that it was counted by; null: none.
    ngx_http_l402_freed_t    *freed;
    uint32_t       free_left;   // of this location's, where has_free_left

    unsigned       verified:1;
    unsigned       has_price:1;
    unsigned       has_left:1;
    unsigned       has_free_left:1;
    unsigned       answering:1;   // the response is ours
    unsigned       blocked:1;     // the last gate has replaced the response
    unsigned       blocked_sent:1;
};

// The customer's token of a lower tier makes it cheaper.
inline bool ngx_http_l402_upgrades(const ngx_http_l402_ctx_t *ctx,
    const ngx_http_l402_loc_conf_t *lcf)
{
    return ctx->upgrade && lcf->upgrade_price.value;
}

// Seconds. An invoice never outlives its token.
inline uint32_t ngx_http_l402_invoice_expiry(
    const ngx_http_l402_loc_conf_t *lcf)
{
    uint32_t expiry = lcf->invoice_service->service.invoice_expiry;

    return lcf->valid_for && lcf->valid_for < expiry
               ? static_cast<uint32_t>(lcf->valid_for) : expiry;
}

// Null before the request came to a location that is protected.
inline ngx_http_l402_ctx_t *ngx_http_l402_find_ctx(ngx_http_request_t *r)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    return reinterpret_cast<ngx_http_l402_ctx_t *>(
        r->variables[mcf->ctx_variable].data);
}

// Has the request come through the access phase of the location it is in?
// Every redirect starts the phases again, and `satisfy any` moves on as the
// other modules' consent does.
inline bool ngx_http_l402_passed_access(ngx_http_request_t *r)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    return r->phase_handler > mcf->access_end;
}

// Has limit_req or limit_conn refused it? The values are theirs, in private.
inline bool ngx_http_l402_is_limited(ngx_http_request_t *r)
{
    constexpr unsigned limit_req_rejected = 3;
    constexpr unsigned limit_conn_rejected = 2;

    return r->main->limit_req_status == limit_req_rejected
           || r->main->limit_conn_status == limit_conn_rejected;
}

// ngx_http_l402_conf.cpp
extern ngx_command_t  ngx_http_l402_commands[];
void ngx_http_l402_set_place(ngx_conf_t *cf, ngx_http_l402_place_t *place);

// ngx_http_l402_conf_caveats.cpp
char *ngx_http_l402_set_capabilities(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_l402_set_capability(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_l402_set_constraint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_l402_set_bind(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_l402_set_unknown_caveats(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_l402_merge_caveats(ngx_http_l402_loc_conf_t *prev,
    ngx_http_l402_loc_conf_t *conf);
char *ngx_http_l402_check_caveats(ngx_conf_t *cf,
    ngx_http_l402_loc_conf_t *lcf);

// ngx_http_l402_merge.cpp
void *ngx_http_l402_create_main_conf(ngx_conf_t *cf);
void *ngx_http_l402_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_l402_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

// ngx_http_l402_warn.cpp
void ngx_http_l402_warn(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_service.cpp
char *ngx_http_l402_invoice_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

// ngx_http_l402_file.cpp: false once an error has been logged
bool ngx_http_l402_read_file(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, size_t max, bool secret, std::string &out);

// ngx_http_l402_variables.cpp
extern ngx_str_t  ngx_http_l402_ctx_variable;
ngx_int_t ngx_http_l402_add_variables(ngx_conf_t *cf);

// ngx_http_l402_access.cpp
ngx_int_t ngx_http_l402_access_handler(ngx_http_request_t *r);
ngx_http_l402_ctx_t *ngx_http_l402_get_ctx(ngx_http_request_t *r);

// ngx_http_l402_decision.cpp
bool ngx_http_l402_has_preflight_fields(ngx_http_request_t *r);
inline bool ngx_http_l402_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && ngx_http_l402_has_preflight_fields(r);
}
// Leaves the decision in `ctx`: its result is ok, free or a reason to refuse.
void ngx_http_l402_decide(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx);
// What a request costs that is not let in by its credential: free, bad_price,
// or what stood in `ctx`.
l402::Result ngx_http_l402_charge(ngx_http_request_t *r,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx);
// It is being carried out: the request ends.
void ngx_http_l402_note_refusal(ngx_http_request_t *r);
// Asked at any time, of a main request: did the access phase let it in, or
// would it?
bool ngx_http_l402_lets_in(ngx_http_request_t *r);

// ngx_http_l402_price.cpp: false: not an amount (one line has been logged)
bool ngx_http_l402_price(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, bool log);

// ngx_http_l402_facts.cpp
class ngx_http_l402_measures_t final : public l402::Measures {
public:
    ngx_http_l402_measures_t(ngx_http_request_t *r,
        ngx_http_l402_loc_conf_t *lcf) : r_(r), lcf_(lcf)
    {
    }

    size_t count() const noexcept override;
    std::string_view condition(size_t i) const noexcept override;
    bool value(size_t i, int64_t &out) noexcept override;

    // A value was no number: one line has been logged.
    bool failed() const noexcept { return failed_; }
    bool asked() const noexcept { return asked_; }

private:
    ngx_http_request_t        *r_;
    ngx_http_l402_loc_conf_t  *lcf_;
    bool                       failed_ = false;
    bool                       asked_ = false;
};

void ngx_http_l402_fill_facts(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, l402::Facts &facts);
// What a token bought at this location is minted with, and by this request.
void ngx_http_l402_fill_grants(const ngx_http_l402_loc_conf_t *lcf,
    l402::Terms &terms);
void ngx_http_l402_fill_terms(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, l402::Terms &terms);

// Where realip has left it: 4 or 16 bytes, or nothing for a unix socket.
std::string_view ngx_http_l402_client_address(ngx_http_request_t *r);

// ngx_http_l402_credential.cpp
// The first field of that name (in lower case), or null.
ngx_table_elt_t *ngx_http_l402_find_header(ngx_http_request_t *r,
    std::string_view name);
void ngx_http_l402_find_fields(ngx_http_request_t *r, ngx_str_t *macaroon,
    ngx_str_t *grpc_metadata_macaroon);
ngx_int_t ngx_http_l402_take_credential_off(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, l402::CredentialField field);

// ngx_http_l402_park.cpp: until somebody finalizes it, or runs its phases
ngx_int_t ngx_http_l402_park(ngx_http_request_t *r, const char *action);
// From an event of ours: its phases run again. It may be gone then.
void ngx_http_l402_unpark(ngx_http_request_t *r);

// ngx_http_l402_challenge.cpp: NGX_DONE: the request ends, or waits, there
ngx_int_t ngx_http_l402_refuse(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, l402::Result reason);

// ngx_http_l402_conf_settled.cpp
char *ngx_http_l402_set_settled(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_l402_init_settled(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);
// Null: nobody sells it.
ngx_http_l402_seller_t *ngx_http_l402_find_seller(
    ngx_http_l402_main_conf_t *mcf, const ngx_str_t &service);
l402::SettledMemory ngx_http_l402_settled_memory(
    ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_settled.cpp
void ngx_http_l402_start_settled(ngx_http_l402_main_conf_t *mcf);
// For a credential that was found good, here or where it is carried over from.
// NGX_OK: decided, and ctx->result is still ok, or unsettled; NGX_AGAIN:
// parked, the phases will run again; else what the access handler returns.
ngx_int_t ngx_http_l402_settle(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf);

// ngx_http_l402_revocation.cpp
char *ngx_http_l402_set_revocation(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
// Of a credential that is good so far: ok, revoked, or unavailable where
// nobody can say.
l402::Result ngx_http_l402_check_revoked(ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf, const uint8_t token_id[32],
    const uint8_t payment_hash[32]);

// ngx_http_l402_admin_conf.cpp
char *ngx_http_l402_set_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_l402_merge_admin(ngx_conf_t *cf, ngx_http_l402_loc_conf_t *prev,
    ngx_http_l402_loc_conf_t *conf);
char *ngx_http_l402_check_admin(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_conf_count.cpp
char *ngx_http_l402_set_uses(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_l402_set_metered(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_l402_set_refund(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_l402_merge_count(ngx_conf_t *cf, ngx_http_l402_loc_conf_t *prev,
    ngx_http_l402_loc_conf_t *conf);
char *ngx_http_l402_check_count(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);
// Is there an l402_zone, with room for a ledger?
char *ngx_http_l402_check_zone(ngx_conf_t *cf,
    const ngx_http_l402_main_conf_t *mcf, const char *directive,
    const ngx_http_l402_place_t &place);

// ngx_http_l402_count.cpp
inline bool ngx_http_l402_counts(const ngx_http_l402_loc_conf_t *lcf,
    const l402::Verdict &verdict)
{
    return verdict.has_uses || lcf->count.cost || lcf->count.uses;
}
// For a credential that was found good. NGX_OK: decided, and ctx->result is
// still ok, or used_up, or unavailable; NGX_AGAIN: parked, the phases will run
// again; else what the access handler returns.
ngx_int_t ngx_http_l402_count(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf);
// What ngx_http_l402_count() would say, without a change.
bool ngx_http_l402_is_used_up(ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf, const l402::Verdict &verdict);
// Before the first byte of an answer leaves: charged, or given back.
void ngx_http_l402_settle_count(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx);
// The request has ended for its client: what it still holds, or waits for.
void ngx_http_l402_end_count(ngx_http_request_t *r);
// What a token has left, an answer that is on its way included. False: it does
// not apply.
bool ngx_http_l402_left(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    l402::Amount &left);
// Is there room to count what would be sold here?
bool ngx_http_l402_has_room(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_loc_conf_t *lcf);
void ngx_http_l402_start_count(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf);
void ngx_http_l402_stop_count(ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_conf_free.cpp
char *ngx_http_l402_set_free(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_l402_merge_free(ngx_conf_t *cf, ngx_http_l402_loc_conf_t *prev,
    ngx_http_l402_loc_conf_t *conf);
// Which of them are of use, and so need memory.
void ngx_http_l402_check_free(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_free.cpp
// Is a request that its credential does not let in one of the client's free
// ones? Where it is to be taken, it is, once for each quota.
bool ngx_http_l402_is_free(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, const ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx, bool take);

// ngx_http_l402_answer.cpp: what ngx_http_finalize_request takes
struct ngx_http_l402_answer_t {
    l402::Result            reason;
    ngx_uint_t              status;
    const l402::Challenge  *challenge;    // null: none
    ngx_uint_t              retry_after;  // seconds, 0: none
};
ngx_int_t ngx_http_l402_send_answer(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx, ngx_http_l402_loc_conf_t *lcf,
    const ngx_http_l402_answer_t &answer);
ngx_int_t ngx_http_l402_send_preflight(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx);
// So that scripts of other origins can read the field `exposed`.
ngx_int_t ngx_http_l402_allow_scripts(ngx_http_request_t *r,
    std::string_view exposed);
// The name is a literal; the value is copied, or is a literal too.
ngx_int_t ngx_http_l402_add_header(ngx_http_request_t *r,
    std::string_view name, std::string_view value);
ngx_int_t ngx_http_l402_add_literal(ngx_http_request_t *r,
    std::string_view name, std::string_view value);

// ngx_http_l402_transport.cpp
l402::HttpTransport *ngx_http_l402_create_transport(ngx_cycle_t *cycle,
    size_t max_connections);
