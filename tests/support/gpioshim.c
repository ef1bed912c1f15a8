/* A GPIO chip below the C library, for LD_PRELOAD: the path GPIO_CHIP looks like a GPIO character device, and each of its
 * ioctls (<linux/gpio.h>, v2) is carried to the test, which is the kernel and the chip (support/gpio.py): GPIO_CHIP is the
 * socket on which it listens. Request: command, handle, then the ioctl's structure; reply: errno, the structure, and for
 * GPIO_V2_GET_LINE the descriptor of the lines, from which edges are read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/gpio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

enum { MAJOR = 254, FDS = 1024, CHIP = 0, OPEN = 0 };
static int32_t handles[FDS]; /* of a descriptor of lines; CHIP for all others */

static int is_chip(const char *path) {
    const char *chip = getenv("GPIO_CHIP");
    return chip && path && !strcmp(path, chip);
}

/* One request to the test. `fd` takes a descriptor that comes with the reply. */
static int asked(uint32_t command, int32_t handle, void *data, size_t size, int *fd) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, getenv("GPIO_CHIP"), sizeof to.sun_path - 1);
    int line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (line < 0) return -1;
    uint32_t head[2] = {command, (uint32_t)handle};
    int32_t error = ENODEV;
    struct iovec out[] = {{head, sizeof head}, {data, size}}, in[] = {{&error, sizeof error}, {data, size}};
    char room[CMSG_SPACE(sizeof(int))];
    struct msghdr said = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr answer = {.msg_iov = in, .msg_iovlen = 2, .msg_control = room, .msg_controllen = sizeof room};
    if (!connect(line, (struct sockaddr *)&to, sizeof to) && sendmsg(line, &said, 0) >= 0 && recvmsg(line, &answer, MSG_CMSG_CLOEXEC) >= 0) {
        struct cmsghdr *with = CMSG_FIRSTHDR(&answer);
        if (fd && with) memcpy(fd, CMSG_DATA(with), sizeof *fd);
    }
    close(line);
    return error ? failed(error) : 0;
}

static int looked(int result, const char *path, struct stat *at) {
    if (!result && is_chip(path)) {
        at->st_mode = (at->st_mode & ~(mode_t)S_IFMT) | S_IFCHR;
        at->st_rdev = makedev(MAJOR, 0);
    }
    return result;
}
static int look(const char *path, struct stat *at, int flags) {
    return looked((int)syscall(SYS_newfstatat, AT_FDCWD, path, at, flags), path, at);
}
int stat(const char *path, struct stat *at) { return look(path, at, 0); }
int lstat(const char *path, struct stat *at) { return look(path, at, AT_SYMLINK_NOFOLLOW); }
int __xstat(int version, const char *path, struct stat *at) { (void)version; return look(path, at, 0); }
int __lxstat(int version, const char *path, struct stat *at) { (void)version; return look(path, at, AT_SYMLINK_NOFOLLOW); }

char *realpath(const char *path, char *into) {
    char *(*next)(const char *, char *) = (char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath");
    if (strcmp(path, "/sys/dev/char/254:0/subsystem")) return next(path, into);
    return into ? strcpy(into, "/sys/bus/gpio") : strdup("/sys/bus/gpio");
}

static int opened(const char *path, int flags, mode_t mode) {
    if (!is_chip(path)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (asked(OPEN, CHIP, NULL, 0, NULL)) return -1;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags, 0);
    if (fd >= 0 && fd < FDS) handles[fd] = CHIP;
    return fd;
}

int ioctl(int fd, unsigned long command, ...) {
    va_list rest;
    va_start(rest, command);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (_IOC_TYPE(command) != 0xB4 || fd < 0 || fd >= FDS) return (int)syscall(SYS_ioctl, fd, command, data);
    int lines = -1;
    if (asked((uint32_t)command, handles[fd], data, _IOC_SIZE(command), &lines)) return -1;
    if (command == GPIO_V2_GET_LINE_IOCTL) {
        if (lines < 0 || lines >= FDS) return failed(EMFILE);
        struct gpio_v2_line_request *request = data;
        handles[lines] = request->fd;
        request->fd = lines;
    }
    return 0;
}
