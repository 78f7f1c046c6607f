/* getaddrinfo() that is watched, and hangs when told: see names.mjs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*lookup)(const char *, const char *, const struct addrinfo *,
    struct addrinfo **);

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

int getaddrinfo(const char *name, const char *service,
    const struct addrinfo *hints, struct addrinfo **list)
{
    const char *log = getenv("L402_NAMES_LOG");
    const char *hang = getenv("L402_NAMES_HANG");

    if (name && log) {
        int fd = open(log, O_WRONLY | O_APPEND);

        if (fd >= 0) {
            dprintf(fd, "%s\n", name);
            close(fd);
        }
    }

    if (name && ends_with(name, ".two.test")) {
        struct addrinfo *second = NULL;
        lookup real = (lookup) dlsym(RTLD_NEXT, "getaddrinfo");
        int rc = real("127.0.0.2", service, hints, &second);

        if (rc == 0) {
            rc = real("127.0.0.1", service, hints, list);
        }

        if (rc == 0) {
            (*list)->ai_next = second;
        }

        return rc;

    } else if (name && ends_with(name, ".known.test")) {
        name = "127.0.0.1";

    } else if (name && hang && ends_with(name, ".test")) {
        FILE *file = fopen(hang, "r");
        unsigned seconds = 0;

        if (file) {
            if (fscanf(file, "%u", &seconds) == 1) {
                sleep(seconds);
            }

            fclose(file);
        }

        return EAI_AGAIN;
    }

    return ((lookup) dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints,
        list);
}
