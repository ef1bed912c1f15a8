/* What the libraries for LD_PRELOAD have in common: `opened` of the file that includes this one stands for open(). */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

static int opened(const char *path, int flags, mode_t mode);

static int failed(int error) {
    errno = error;
    return -1;
}

#define OPENED(name)                                                            \
    int name(const char *path, int flags, ...) {                                \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                           \
        return opened(path, flags, mode);                                       \
    }
OPENED(open)
OPENED(open64)
