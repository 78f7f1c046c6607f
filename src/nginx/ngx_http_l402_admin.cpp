// l402_admin: the list of revocations and what is counted of a payment, for
// whoever the location lets in.

#include "ngx_http_l402_admin.h"

#include "l402/encoding.h"

using l402::AdminError;
using l402::AdminTarget;
using l402::Ledger;
using l402::Subject;

namespace {

using Change = ngx_http_l402_admin_change_t;
using MainConf = ngx_http_l402_main_conf_t;

MainConf *main_conf(ngx_http_request_t *r)
{
    return static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
}

// What follows the location's name, unless a rewrite has led elsewhere.
bool parse_target(ngx_http_request_t *r, AdminTarget &target,
    AdminError &error)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    std::string_view path = ngx_http_l402_view(r->uri);
    std::string_view name = ngx_http_l402_view(clcf->name);

    if (path.substr(0, name.size()) != name) {
        error = AdminError::unknown_path;
        return false;
    }

    return l402::parse_admin_path(path.substr(name.size()), target, error);
}

bool has_method(ngx_http_request_t *r, const AdminTarget &target)
{
    ngx_uint_t methods = target.kind == AdminTarget::Kind::revocation
                             ? NGX_HTTP_PUT | NGX_HTTP_DELETE
                             : NGX_HTTP_GET | NGX_HTTP_HEAD;

    return r->method & methods;
}

ngx_int_t send_list(ngx_http_request_t *r, MainConf *mcf)
{
    l402::RedisHealth redis;
    l402::AdminPage page;

    if (!l402::parse_admin_query(ngx_http_l402_view(r->args), page)) {
        return ngx_http_l402_admin_send_error(r, AdminError::bad_query);
    }

    auto list = mcf->ledger.revocations(page.position, page.limit);
    bool has_redis = ngx_http_l402_admin_redis_health(mcf, redis);

    return ngx_http_l402_admin_send(r, NGX_HTTP_OK,
        l402::revocations_json(list, page.position,
            has_redis ? &redis : nullptr));
}

ngx_int_t send_payment(ngx_http_request_t *r, MainConf *mcf,
    const l402::Hash &hash)
{
    l402::Payment payment;
    ngx_int_t rc = ngx_http_l402_admin_ask_payment(r, hash);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!mcf->ledger.payment(hash.data(), payment)) {
        return ngx_http_l402_admin_send_error(r, AdminError::unknown_payment);
    }

    return ngx_http_l402_admin_send(r, NGX_HTTP_OK,
        l402::payment_json(payment,
            mcf->ledger.has_revocation(Subject::payment, hash.data())));
}

// An operator's act: in the log, who and what. An id opens nothing.
void log_change(ngx_http_request_t *r, const Change &change)
{
    std::string id = l402::to_hex(change.revocation.id);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
        "l402: %s %s %s", change.revoke ? "revoked" : "no longer revoked:",
        change.revocation.subject == Subject::token ? "token" : "payment",
        id.c_str());
}

// In force here first: where Redis does not answer, this host at least
// refuses.
ngx_int_t revoke(ngx_http_request_t *r, MainConf *mcf, const Change &change)
{
    Ledger::Change done = mcf->ledger.revoke(change.revocation);

    if (done == Ledger::Change::full) {
        return ngx_http_l402_admin_send_error(r, AdminError::zone_full);
    }

    bool made = done == Ledger::Change::made;

    log_change(r, change);

    ngx_int_t rc = ngx_http_l402_admin_publish(r, change);

    return rc == NGX_DECLINED
               ? ngx_http_l402_admin_send_status(r,
                     made ? NGX_HTTP_CREATED : NGX_HTTP_OK)
               : rc;
}

// Here last: the next list from Redis would bring it back.
ngx_int_t unrevoke(ngx_http_request_t *r, MainConf *mcf, const Change &change)
{
    ngx_int_t rc = ngx_http_l402_admin_publish(r, change);

    return rc == NGX_DECLINED
               ? ngx_http_l402_admin_end_revocation(r, mcf, change, false)
               : rc;
}

// The body as far as it may go; false: it is larger, or cannot be read.
bool read_body(ngx_http_request_t *r, std::string &body)
{
    ngx_chain_t *in = r->request_body ? r->request_body->bufs : nullptr;

    for ( /* void */ ; in; in = in->next) {
        ngx_buf_t *b = in->buf;
        off_t size = ngx_buf_size(b);

        if (static_cast<off_t>(body.size()) + size
            > static_cast<off_t>(l402::max_admin_body))
        {
            return false;
        }

        if (!b->in_file) {
            body.append(reinterpret_cast<char *>(b->pos), size);
            continue;
        }

        size_t end = body.size();

        body.resize(end + size);

        if (ngx_read_file(b->file, reinterpret_cast<u_char *>(&body[end]),
                size, b->file_pos) != size)
        {
            return false;
        }
    }

    return true;
}

ngx_int_t put(ngx_http_request_t *r)
{
    AdminTarget target;
    AdminError error;
    std::string body;
    int64_t until;

    if (!read_body(r, body)) {
        return ngx_http_l402_admin_send_error(r, AdminError::body_too_large);
    }

    if (!parse_target(r, target, error)
        || !l402::parse_admin_body(body, ngx_time(), until, error))
    {
        return ngx_http_l402_admin_send_error(r, error);
    }

    return revoke(r, main_conf(r), {{target.subject, target.id, until}, true});
}

void body_read(ngx_http_request_t *r)
{
    ngx_int_t rc = ngx_http_l402_guard<ngx_int_t>(r->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] { return put(r); });

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}

ngx_int_t read_and_put(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n
            > static_cast<off_t>(l402::max_admin_body))
    {
        return ngx_http_l402_admin_send_error(r, AdminError::body_too_large);
    }

    ngx_int_t rc = ngx_http_read_client_request_body(r, body_read);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

ngx_int_t answer(ngx_http_request_t *r)
{
    MainConf *mcf = main_conf(r);
    AdminTarget target;
    AdminError error;

    if (!parse_target(r, target, error)) {
        return ngx_http_l402_admin_send_error(r, error);
    }

    if (!has_method(r, target)) {
        return ngx_http_l402_add_literal(r, "Allow", target.methods())
                       == NGX_OK
                   ? ngx_http_l402_admin_send_error(r, AdminError::bad_method)
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    // A reload may have left too little of the zone.
    if (!mcf->ledger) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
            "l402: the zone \"%V\" holds no counts and revocations: restart "
            "nginx", &mcf->zone->shm.name);
        return ngx_http_l402_admin_send_error(r, AdminError::error);
    }

    if (r->method == NGX_HTTP_PUT) {
        return read_and_put(r);
    }

    switch (target.kind) {
    case AdminTarget::Kind::revocations:
        return send_list(r, mcf);
    case AdminTarget::Kind::payment:
        return send_payment(r, mcf, target.id);
    default:
        return unrevoke(r, mcf, {{target.subject, target.id, 0}, false});
    }
}

}  // namespace

ngx_int_t ngx_http_l402_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t rc = ngx_http_l402_guard<ngx_int_t>(r->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] { return answer(r); });

    if (rc != NGX_AGAIN) {
        return rc;
    }

    // nginx gives one reference up now, and the answer the other.
    r->main->count++;
    return NGX_DONE;
}

ngx_int_t ngx_http_l402_admin_end_revocation(ngx_http_request_t *r,
    MainConf *mcf, const Change &change, bool was_there)
{
    const l402::Revocation &revocation = change.revocation;

    if (!mcf->ledger.unrevoke(revocation.subject, revocation.id.data())
        && !was_there)
    {
        return ngx_http_l402_admin_send_error(r, AdminError::not_revoked);
    }

    log_change(r, change);
    return ngx_http_l402_admin_send_status(r, NGX_HTTP_NO_CONTENT);
}
