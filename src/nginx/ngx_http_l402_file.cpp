// Files that the configuration names, read while it is read.

#include "ngx_http_l402.h"

#include <sys/stat.h>

bool ngx_http_l402_read_file(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, size_t max, bool secret, std::string &out)
{
    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return false;
    }

    // Not to wait where a pipe stands that nobody writes into.
    ngx_fd_t fd = ngx_open_file(path->data,
        NGX_FILE_RDONLY|NGX_FILE_NONBLOCK, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
            "%s: cannot open \"%V\"", directive, path);
        return false;
    }

    auto fail = [&](const char *what, ngx_err_t err) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "%s: \"%V\" %s", directive,
            path, what);
        ngx_close_file(fd);
        l402::wipe(out.data(), out.size());
        return false;
    };

    ngx_file_info_t info;

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR) {
        return fail("cannot be examined", ngx_errno);
    }

    if (!ngx_is_file(&info)) {
        return fail("is not a regular file", 0);
    }

    if (secret && (info.st_mode & (S_IROTH | S_IWOTH))) {
        return fail("can be read or written by others; \"chmod o-rwx\" it", 0);
    }

    size_t size = static_cast<size_t>(ngx_file_size(&info));

    if (size > max) {
        return fail("is too large for what it should be", 0);
    }

    out.resize(size);

    if (size) {
        ssize_t n = ngx_read_fd(fd, out.data(), size);

        if (n != static_cast<ssize_t>(size)) {
            return fail("cannot be read", n == -1 ? ngx_errno : 0);
        }
    }

    ngx_close_file(fd);
    return true;
}
