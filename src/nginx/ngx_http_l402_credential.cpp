// The header fields that carry a credential: found, and taken off the request
// before anything behind the gate sees them.

#include "ngx_http_l402.h"

namespace {

constexpr std::string_view macaroon_name = "macaroon";
constexpr std::string_view grpc_name = "grpc-metadata-macaroon";

bool is_field(const ngx_table_elt_t &h, std::string_view name)
{
    return h.key.len == name.size() && h.lowcase_key
           && std::string_view(reinterpret_cast<char *>(h.lowcase_key),
                  h.key.len) == name;
}

// Pointers into the list (headers_in has many) stay good: nothing moves. A
// part is shortened at either end, or divided in two.
[[gnu::hot]]
ngx_int_t remove_at(ngx_http_request_t *r, ngx_list_part_t *previous,
    ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_t *list = &r->headers_in.headers;
    auto h = static_cast<ngx_table_elt_t *>(part->elts);
    bool shifted = true;

    if (part->nelts == 1) {
        part->nelts = 0;

        // Loops over such lists expect a part that is not the first to hold
        // something.
        if (previous) {
            previous->next = part->next;

            if (list->last == part) {
                list->last = previous;
            }

        } else {
            shifted = false;
        }

    } else if (i == 0) {
        part->elts = h + 1;
        part->nelts--;

    } else if (i == part->nelts - 1) {
        part->nelts--;
        shifted = false;

    } else {
        auto rest = static_cast<ngx_list_part_t *>(
            ngx_palloc(r->pool, sizeof(ngx_list_part_t)));

        if (rest == nullptr) {
            return NGX_ERROR;
        }

        rest->elts = h + i + 1;
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;
        part->nelts = i;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;
        }
    }

    // nalloc counts from the start of a whole part: the last one now begins
    // further on, so that whoever pushes next must open a new one.
    if (shifted) {
        list->nalloc = list->last->nelts;
    }

    return NGX_OK;
}

[[gnu::hot]]
ngx_int_t remove_field(ngx_http_request_t *r, ngx_table_elt_t *field)
{
    ngx_list_part_t *previous = nullptr;

    for (ngx_list_part_t *part = &r->headers_in.headers.part; part;
         previous = part, part = part->next)
    {
        auto h = static_cast<ngx_table_elt_t *>(part->elts);

        if (field >= h && field < h + part->nelts) {
            return remove_at(r, previous, part,
                static_cast<ngx_uint_t>(field - h));
        }
    }

    return NGX_OK;
}

bool carries_credential(const ngx_table_elt_t &h)
{
    // Lengths first: hardly any other field has one of these.
    return (h.key.len == macaroon_name.size() || h.key.len == grpc_name.size())
           && (is_field(h, macaroon_name) || is_field(h, grpc_name))
           && l402::is_l402_macaroon(ngx_http_l402_view(h.value));
}

// The first field that matches.
template <typename Matches>
ngx_table_elt_t *find_field(ngx_http_request_t *r, Matches matches)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part;
         part = part->next)
    {
        auto h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (matches(h[i])) {
                return &h[i];
            }
        }
    }

    return nullptr;
}

}  // namespace

ngx_table_elt_t *ngx_http_l402_find_header(ngx_http_request_t *r,
    std::string_view name)
{
    return find_field(r, [name](const ngx_table_elt_t &h) {
        return is_field(h, name);
    });
}

void ngx_http_l402_find_fields(ngx_http_request_t *r, ngx_str_t *macaroon,
    ngx_str_t *grpc_metadata_macaroon)
{
    *macaroon = {0, nullptr};
    *grpc_metadata_macaroon = {0, nullptr};

    for (ngx_list_part_t *part = &r->headers_in.headers.part; part;
         part = part->next)
    {
        auto h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (is_field(h[i], macaroon_name)) {
                *macaroon = h[i].value;

            } else if (is_field(h[i], grpc_name)) {
                *grpc_metadata_macaroon = h[i].value;
            }
        }
    }
}

[[gnu::hot]] ngx_int_t ngx_http_l402_take_credential_off(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, l402::CredentialField field)
{
    ngx_table_elt_t *authorization = r->headers_in.authorization;
    ngx_int_t rc = NGX_OK;

    // Where it decided, it is ours; else it may be all the same.
    if (authorization
        && (field == l402::CredentialField::authorization
            || l402::is_l402_scheme(ngx_http_l402_view(authorization->value))))
    {
        rc = remove_field(r, authorization);
        r->headers_in.authorization = nullptr;
    }

    // A client may have sent it in several fields, and each as often as it
    // liked.
    while (rc == NGX_OK) {
        ngx_table_elt_t *h = find_field(r, carries_credential);

        if (h == nullptr) {
            break;
        }

        rc = remove_field(r, h);
    }

    // $http_authorization may have been read, and kept, before.
    for (ngx_int_t index : mcf->credential_variables) {
        r->variables[index].valid = 0;
        r->variables[index].not_found = 0;
    }

    return rc;
}
