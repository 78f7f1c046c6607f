/*
 * Linked into the sanitized nginx: tells UBSan where its reports go.
 *
 * GCC's libubsan knows no log_path of its own, and reads its environment at
 * its first report, where nginx has long written over it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

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
