/* Linked into the sanitized nginx: what its sanitizers cannot be told by
 * their environment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

/* nginx's, of type ngx_uint_t; weak, for configure links this to its trials */
extern uintptr_t ngx_process __attribute__((weak));
extern uintptr_t ngx_event_flags __attribute__((weak));

enum { process_master = 1 };


/* GCC's libubsan knows no log_path of its own, and reads its environment at
 * its first report, where nginx has long written over it. */

const char *
__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}


__attribute__((constructor)) static void
set_report_path(void)
{
    /* libasan has a function of the same name, for its own reports */
    void *library = dlopen("libubsan.so.1", RTLD_LAZY);
    void (*set_path)(const char *) = 0;

    if (library) {
        *(void **) &set_path = dlsym(library, "__sanitizer_set_report_path");
    }

    if (set_path) {
        set_path(L402_REPORTS "/ubsan");
    }
}


/* nginx -t, -s and a start that failed leave all to the end of the process:
 * leaks are asked for where there is a master or an event loop. */

int
__lsan_is_turned_off(void)
{
    return &ngx_process == 0
           || (ngx_process != process_master && ngx_event_flags == 0);
}
