// The inside of a directive with a block: words, each with one value.
#pragma once

#include "ngx_http_l402.h"

// A Block has `seen`, the names of the words that were read.
template <typename Block>
struct ngx_http_l402_word_t {
    const char *name;
    char *(*set)(ngx_conf_t *cf, Block &block, ngx_str_t *value);
    bool        several = false;
};

template <typename... Args>
char *ngx_http_l402_block_error(ngx_conf_t *cf, const char *format,
    Args... args)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, format, args...);
    return static_cast<char *>(NGX_CONF_ERROR);
}

inline bool ngx_http_l402_is_seen(const std::vector<std::string> &seen,
    std::string_view name)
{
    for (const std::string &one : seen) {
        if (one == name) {
            return true;
        }
    }

    return false;
}

template <typename Block, size_t count>
std::string ngx_http_l402_list_words(
    const ngx_http_l402_word_t<Block> (&words)[count])
{
    std::string list;

    for (const ngx_http_l402_word_t<Block> &word : words) {
        list += list.empty() ? "" : ", ";
        list += word.name;
    }

    return list;
}

// `title` is the directive with its name, where it has one.
template <typename Block, size_t count>
char *ngx_http_l402_read_word(ngx_conf_t *cf, Block &block,
    const ngx_http_l402_word_t<Block> (&words)[count], const char *directive,
    const std::string &title)
{
    auto args = static_cast<ngx_str_t *>(cf->args->elts);
    std::string_view name = ngx_http_l402_view(args[0]);

    for (const ngx_http_l402_word_t<Block> &word : words) {
        if (name != word.name) {
            continue;
        }

        if (cf->args->nelts != 2) {
            return ngx_http_l402_block_error(cf, "invalid number of arguments "
                "in \"%V\" of %s, it takes one", &args[0], directive);
        }

        if (!word.several && ngx_http_l402_is_seen(block.seen, name)) {
            return ngx_http_l402_block_error(cf, "\"%V\" is duplicate in %s",
                &args[0], title.c_str());
        }

        block.seen.emplace_back(name);
        return word.set(cf, block, &args[1]);
    }

    return ngx_http_l402_block_error(cf, "unknown directive \"%V\" in %s, it "
        "must be one of: %s", &args[0], directive,
        ngx_http_l402_list_words(words).c_str());
}

template <typename Block>
char *ngx_http_l402_parse_block(ngx_conf_t *cf, Block &block,
    char *(*handler)(ngx_conf_t *, ngx_command_t *, void *))
{
    ngx_conf_t saved = *cf;

    cf->handler = handler;
    cf->handler_conf = reinterpret_cast<char *>(&block);

    char *rv = ngx_conf_parse(cf, nullptr);

    *cf = saved;
    return rv;
}

inline char *ngx_http_l402_read_switch(ngx_conf_t *cf, ngx_str_t *value,
    const char *word, const char *directive, bool &out)
{
    std::string_view text = ngx_http_l402_view(*value);

    if (text != "on" && text != "off") {
        return ngx_http_l402_block_error(cf, "invalid value \"%V\" in \"%s\" "
            "of %s, it must be \"on\" or \"off\"", value, word, directive);
    }

    out = text == "on";
    return NGX_CONF_OK;
}

// `n` is the value, or NGX_ERROR; `right` says what it has to be.
template <typename Number>
char *ngx_http_l402_read_number(ngx_conf_t *cf, ngx_str_t *value,
    const char *word, const char *directive, ngx_int_t n, ngx_int_t least,
    ngx_int_t most, const char *right, Number &out)
{
    if (n == NGX_ERROR || n < least || n > most) {
        return ngx_http_l402_block_error(cf, "invalid value \"%V\" in \"%s\" "
            "of %s, it must be %s", value, word, directive, right);
    }

    out = static_cast<Number>(n);
    return NGX_CONF_OK;
}
