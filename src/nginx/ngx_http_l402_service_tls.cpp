// The certificates that an l402_invoice_service trusts. What is wrong with them
// would otherwise be found out at the first call.

#include "ngx_http_l402_service.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace {

struct FreeX509 {
    void operator()(X509 *x) const { X509_free(x); }
};

using Certificates = std::vector<std::unique_ptr<X509, FreeX509>>;

// False where one of them cannot be read.
bool read_pem(const std::string &pem, Certificates &out)
{
    BIO *bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));

    if (bio == nullptr) {
        throw std::bad_alloc();
    }

    // Nobody is there to be asked for a password.
    auto no_password = [](char *, int, int, void *) { return 0; };

    while (X509 *certificate = PEM_read_bio_X509(bio, nullptr, no_password,
               nullptr))
    {
        out.emplace_back(certificate);
    }

    // Reading always ends in an error: that nothing more begins is the good
    // one.
    bool at_end = ERR_GET_REASON(ERR_peek_last_error())
                  == PEM_R_NO_START_LINE;

    ERR_clear_error();
    BIO_free(bio);
    return !out.empty() && at_end;
}

bool has_names(X509 *certificate)
{
    return X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
}

bool is_for(X509 *certificate, const l402::ServiceUrl &url)
{
    int rc = url.host_is_address
        ? X509_check_ip_asc(certificate, url.host.c_str(), 0)
        : X509_check_host(certificate, url.host.data(), url.host.size(), 0,
              nullptr);

    ERR_clear_error();
    return rc == 1;
}

}  // namespace

bool ngx_http_l402_read_ca(ngx_conf_t *cf, ngx_str_t *path, std::string &pem)
{
    if (!ngx_http_l402_read_file(cf, "ca_file", path, 1024 * 1024, false, pem))
    {
        return false;
    }

    if (pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "ca_file: \"%V\" holds no PEM "
            "certificate (\"-----BEGIN CERTIFICATE-----\")", path);
        return false;
    }

    Certificates certificates;

    if (!read_pem(pem, certificates)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "ca_file: \"%V\" holds a "
            "certificate that cannot be read", path);
        return false;
    }

    for (const auto &certificate : certificates) {
        if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "ca_file: \"%V\" holds a "
                "certificate that has expired", path);
            break;
        }
    }

    return true;
}

void ngx_http_l402_warn_names(ngx_conf_t *cf,
    const ngx_http_l402_place_t &place, const l402::Endpoint &endpoint)
{
    Certificates certificates;

    if (!endpoint.url.https || !endpoint.verify || endpoint.ca_pem.empty()
        || !read_pem(endpoint.ca_pem, certificates))
    {
        return;
    }

    // An authority's commonly has no names.
    if (certificates.size() != 1 || !has_names(certificates[0].get())
        || is_for(certificates[0].get(), endpoint.url))
    {
        return;
    }

    ngx_http_l402_log_at(cf, NGX_LOG_WARN, place, "l402_invoice_service: the "
        "certificate in \"ca_file\" is not for \"%s\", the host of \"url\": "
        "if it is the node's own, the node will not be believed",
        endpoint.url.host.c_str());
}
