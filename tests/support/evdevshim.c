/* A keyboard below the C library, for LD_PRELOAD: the FIFO EVDEV_NODE looks like a node of evdev. The test writes
 * struct input_event into it (support/evdev.py). Answered are the ioctls of <linux/input.h> that python-evdev asks; a grab
 * is a lock of the file, which one process has. Its end is that of a device that was unplugged: ENODEV.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/input.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

enum { EVERYBODY_OUT = 0777, LAST_KEY = 127 };

static int is_node(int fd) {
    struct stat node, open;
    const char *path = getenv("EVDEV_NODE");
    return path && !fstat(fd, &open) && S_ISFIFO(open.st_mode) && (stat(path, &node) ? open.st_nlink == 0 : node.st_ino == open.st_ino);
}

/* Also root is kept out where nobody is let in. */
static int opened(const char *path, int flags, mode_t mode) {
    const char *node = getenv("EVDEV_NODE");
    struct stat at;
    if (node && !strcmp(path, node) && !stat(path, &at) && !(at.st_mode & EVERYBODY_OUT)) return failed(EACCES);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *into, size_t size) {
    ssize_t got = syscall(SYS_read, fd, into, size);
    return got || !size || !is_node(fd) ? got : failed(ENODEV);
}

static int bits(unsigned type, unsigned char *into, size_t size) {
    memset(into, 0, size);
    if (type == 0) into[0] = 1 << EV_SYN | 1 << EV_KEY;
    for (unsigned key = 1; type == EV_KEY && key <= LAST_KEY && key / 8 < size; key++) into[key / 8] |= 1 << key % 8;
    return (int)size;
}

/* The bitmap in the file NODE + suffix, which goes when it is told; none where there is no file. */
static int state(const char *suffix, unsigned char *into, size_t size) {
    char path[PATH_MAX];
    memset(into, 0, size);
    snprintf(path, sizeof path, "%s%s", getenv("EVDEV_NODE"), suffix);
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    if (file < 0) return 0;
    ssize_t got = syscall(SYS_read, file, into, size);
    close(file);
    unlink(path);
    return got < 0 ? failed(EIO) : 0;
}

int ioctl(int fd, unsigned long command, ...) {
    va_list rest;
    va_start(rest, command);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (_IOC_TYPE(command) != 'E' || !is_node(fd)) return (int)syscall(SYS_ioctl, fd, command, data);
    unsigned number = _IOC_NR(command), size = _IOC_SIZE(command);
    if (number >= 0x20 && number < 0x40) return bits(number - 0x20, data, size);
    switch (number) {
    case _IOC_NR(EVIOCGVERSION): *(int *)data = EV_VERSION; return 0;
    case _IOC_NR(EVIOCGRAB):
        if (flock(fd, data ? LOCK_EX | LOCK_NB : LOCK_UN)) return failed(EBUSY);
        return 0;
    case _IOC_NR(EVIOCGKEY(0)): return state(".keys", data, size);
    case _IOC_NR(EVIOCGLED(0)): return state(".leds", data, size);
    case _IOC_NR(EVIOCSCLOCKID): return *(int *)data == CLOCK_MONOTONIC ? 0 : failed(EINVAL);
    case _IOC_NR(EVIOCGNAME(0)): strncpy(data, "Barcode scanner", size); return 0;
    default: memset(data, 0, size); return 0; /* no identity, no place, no effects */
    }
}
