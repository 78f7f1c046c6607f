// TLS to Redis. nginx's own verification (ngx_ssl_trusted_certificate) lets the
// handshake pass and leaves the judgement to later; here it ends the handshake.

#include "ngx_http_l402_redis_tls.h"

#if (NGX_SSL)

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace {

// What is read here has been read once without an error.
bool add_certificates(SSL_CTX *ctx, const std::string &pem)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    auto no_password = [](char *, int, int, void *) { return 0; };
    bool good = bio != nullptr;

    while (good) {
        X509 *certificate = PEM_read_bio_X509(bio, nullptr, no_password,
            nullptr);

        if (certificate == nullptr) {
            break;
        }

        good = X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
    }

    BIO_free(bio);
    ERR_clear_error();

    // A server's own certificate is trusted where it stands in the file.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
        X509_V_FLAG_PARTIAL_CHAIN);
    return good;
}

bool is_address(const std::string &host)
{
    u_char address[16];

    return inet_pton(AF_INET, host.c_str(), address) == 1
           || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

bool expect_host(SSL *ssl, const std::string &host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (is_address(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
    }

    X509_VERIFY_PARAM_set_hostflags(param,
        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1
           && SSL_set_tlsext_host_name(ssl, const_cast<char *>(host.c_str()))
                  == 1;
}

}  // namespace

bool ngx_http_l402_redis_create_tls(ngx_conf_t *cf,
    ngx_http_l402_redis_t &conf)
{
    auto ssl = static_cast<ngx_ssl_t *>(ngx_pcalloc(cf->pool,
        sizeof(ngx_ssl_t)));
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == nullptr || cln == nullptr) {
        return false;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, nullptr)
        != NGX_OK)
    {
        return false;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;
    conf.ssl = ssl;

    bool good = conf.ca_pem.empty()
                    ? SSL_CTX_set_default_verify_paths(ssl->ctx) == 1
                    : add_certificates(ssl->ctx, conf.ca_pem);

    if (!good) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, conf.place,
            "the certificates that l402_redis shall trust cannot be loaded");
    }

    return good;
}

std::string ngx_http_l402_redis_start_tls(ngx_connection_t *c,
    const ngx_http_l402_redis_t &conf, const std::string &host)
{
    if (ngx_ssl_create_connection(conf.ssl, c, NGX_SSL_CLIENT) != NGX_OK) {
        return "TLS cannot be started";
    }

    SSL *ssl = c->ssl->connection;

    if (!conf.verify) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
        return {};
    }

    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    return expect_host(ssl, host) ? "" : "TLS cannot be started for this name";
}

std::string ngx_http_l402_redis_check_tls(ngx_connection_t *c,
    const ngx_http_l402_redis_t &conf)
{
    SSL *ssl = c->ssl->connection;
    long result = SSL_get_verify_result(ssl);

    if (conf.verify && result != X509_V_OK) {
        return std::string("has a certificate that is not trusted: ")
               + X509_verify_cert_error_string(result);
    }

    if (!c->ssl->handshaked) {
        return "does not come to terms about TLS";
    }

    if (!conf.verify) {
        return {};
    }

    X509 *certificate = SSL_get_peer_certificate(ssl);

    if (certificate == nullptr) {
        return "has no certificate";
    }

    X509_free(certificate);
    return {};
}

#endif
