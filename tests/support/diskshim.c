/* A disk below the C library, for LD_PRELOAD: what a process does to the files under DISK_DIR is written down in order
 * (DISK_LOG), and the calls that DISK_CONTROL names meet a fault: an error, a short write, or the end of the process.
 *
 * Nothing is synced for real: whether the power is cut here is decided by whoever reads the log (support/powercut.py).
 * Both layouts below are read in Python: support/diskfaults.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE, OPEN, WRITE, TRUNCATE, SYNC, SYNC_NAMES, RENAME, UNLINK, LINK, MKDIR, SEND, RECV, MARK, READ };
enum { SHORT = 10001, KILL_BEFORE, KILL_AFTER }; /* actions that are no errno: half of a write is done; the process ends */

/* Shared with the test, which sets `kinds` last. */
struct control {
    volatile int64_t kinds;       /* which calls count: bits 1 << kind */
    volatile int64_t first, last; /* of those that count, the ones that meet the fault; of READ the bytes of the file */
    volatile int64_t action;
    volatile int64_t calls; /* how many counted so far */
    volatile int64_t met;   /* how many met the fault */
    char match[80];         /* counts only with this in its path, or in what a socket carries, or READ from that inode; length first */
};

struct entry {
    uint8_t kind, failed;
    uint16_t path_len;
    uint32_t data_len;
    uint64_t ino;
    int64_t offset;
};

enum { FDS = 1024 };
static struct { char watched, append, directory; uint64_t ino; char path[PATH_MAX]; } fds[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char dir[PATH_MAX];
static size_t dir_len;
static int log_fd = -1;
static struct control none, *control = &none;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("DISK_DIR"), *shared = getenv("DISK_CONTROL"), *log = getenv("DISK_LOG");
    if (!name || !realpath(name, dir)) return;
    dir_len = strlen(dir);
    if (shared) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
        void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || at == MAP_FAILED) abort();
        control = at;
        syscall(SYS_close, fd);
    }
    if (log) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if ((log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900)) < 0) abort(); /* out of the way of who closes what he finds */
        syscall(SYS_close, fd);
    }
}

static void note(enum kind kind, int failed, const char *path, uint64_t ino, int64_t offset, const void *data, size_t n) {
    if (log_fd < 0) return;
    struct entry e = {(uint8_t)kind, (uint8_t)failed, (uint16_t)(path ? strlen(path) : 0), (uint32_t)n, ino, offset};
    struct iovec parts[] = {{&e, sizeof e}, {(void *)path, e.path_len}, {(void *)data, n}};
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)(sizeof e + e.path_len + n)) abort();
}

/* What the test says in between: it stands in the log where it was said. */
void disk_mark(const char *data, size_t n) {
    pthread_mutex_lock(&lock);
    note(MARK, 0, NULL, 0, 0, data, n);
    pthread_mutex_unlock(&lock);
}

/* The fault that this call meets, 0 for none. The lock is held. */
static int fault(enum kind kind, const void *where, size_t n) {
    if (!(control->kinds >> kind & 1)) return 0;
    if (control->match[0] && !memmem(where, n, control->match + 1, (size_t)control->match[0])) return 0;
    int64_t call = ++control->calls;
    if (call < control->first || call > control->last) return 0;
    control->met++;
    if (control->action == KILL_BEFORE) kill(getpid(), SIGKILL), pause();
    return (int)control->action;
}

static void after(int action) {
    if (action == KILL_AFTER) kill(getpid(), SIGKILL), pause();
}

static int is_error(int action) { return action > 0 && action < SHORT; }

static long failed(int action) {
    errno = action;
    return -1;
}

/* The whole path, and whether it is ours. */
static int ours(int at, const char *path, char out[PATH_MAX]) {
    size_t n = 0;
    if (!dir_len || !path) return 0;
    if (path[0] != '/') {
        char link[64] = "/proc/self/cwd", digits[12], *d = digits + sizeof digits - 1;
        if (at != AT_FDCWD) {
            for (*d = 0; at; at /= 10) *--d = (char)('0' + at % 10);
            strcpy(stpcpy(link, "/proc/self/fd/"), d);
        }
        ssize_t got = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 2);
        if (got < 0) return 0;
        n = (size_t)got;
        out[n++] = '/';
    }
    if (n + strlen(path) >= PATH_MAX) return 0;
    strcpy(out + n, path);
    return !strncmp(out, dir, dir_len) && (out[dir_len] == '/' || !out[dir_len]);
}

static int watched(int fd) { return fd >= 0 && fd < FDS && fds[fd].watched; }

/* A call on names: `path` is ours, the call itself is made by the caller between these two. */
#define NAMES(kind, path, other, call)                                                         \
    do {                                                                                       \
        pthread_mutex_lock(&lock);                                                             \
        int action = fault(kind, path, strlen(path));                                          \
        long result = is_error(action) ? failed(action) : (call);                              \
        int error = errno;                                                                     \
        if (!result) note(kind, 0, path, 0, 0, other, strlen(other)), after(action);           \
        pthread_mutex_unlock(&lock);                                                           \
        errno = error;                                                                         \
        return (int)result;                                                                    \
    } while (0)

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    struct stat st;
    if (!ours(at, path, whole)) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int there = !syscall(SYS_faccessat, AT_FDCWD, whole, F_OK), writes = (flags & (O_ACCMODE | O_TRUNC)) != 0;
    enum kind kind = flags & O_CREAT && !there ? CREATE : OPEN;
    int action = kind == CREATE || writes ? fault(kind, whole, strlen(whole)) : 0;
    int fd = (int)(is_error(action) ? failed(action) : syscall(SYS_openat, at, path, flags, mode)), error = errno;
    if (fd >= 0 && fd < FDS && !fstat(fd, &st)) {
        fds[fd].watched = 1, fds[fd].append = (flags & O_APPEND) != 0;
        fds[fd].directory = S_ISDIR(st.st_mode), fds[fd].ino = st.st_ino;
        strcpy(fds[fd].path, whole);
        note(kind, 0, whole, st.st_ino, 0, NULL, 0);
        if (there && flags & O_TRUNC) note(TRUNCATE, 0, NULL, st.st_ino, 0, NULL, 0);
        after(action);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags, mode)                       \
    mode_t mode = 0;                            \
    if ((flags) & O_CREAT) {                    \
        va_list more;                           \
        va_start(more, flags);                  \
        mode = va_arg(more, mode_t);            \
        va_end(more);                           \
    }

int open64(const char *path, int flags, ...) { MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, path, flags, mode); }
int open(const char *path, int flags, ...) { MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, path, flags, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat(const char *path, mode_t mode) { return creat64(path, mode); }

int close(int fd) {
    if (watched(fd)) fds[fd].watched = 0;
    return (int)syscall(SYS_close, fd);
}

/* `offset` < 0: at the file's own position. */
static ssize_t written(int fd, const void *data, size_t n, off_t offset) {
    pthread_mutex_lock(&lock);
    int action = fault(WRITE, fds[fd].path, strlen(fds[fd].path));
    if (action == SHORT && !(n /= 2)) action = ENOSPC;
    off_t at = offset >= 0 ? offset : lseek(fd, 0, fds[fd].append ? SEEK_END : SEEK_CUR);
    ssize_t done = is_error(action)  ? failed(action)
                   : offset >= 0     ? syscall(SYS_pwrite64, fd, data, n, offset)
                                     : syscall(SYS_write, fd, data, n);
    int error = errno;
    if (done > 0) note(WRITE, 0, NULL, fds[fd].ino, at, data, (size_t)done), after(action);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

static ssize_t gathered(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = written(fd, parts[i].iov_base, parts[i].iov_len, offset < 0 ? offset : offset + sum);
        if (done < 0) return sum ? sum : done;
        sum += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return sum;
}

ssize_t write(int fd, const void *data, size_t n) {
    return watched(fd) ? written(fd, data, n, -1) : syscall(SYS_write, fd, data, n);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) {
    return watched(fd) ? written(fd, data, n, offset) : syscall(SYS_pwrite64, fd, data, n, offset);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) { return pwrite64(fd, data, n, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return watched(fd) ? gathered(fd, parts, count, -1) : syscall(SYS_writev, fd, parts, count);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return watched(fd) ? gathered(fd, parts, count, offset) : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

/* Bad sectors: a read that touches one of them fails. `offset` < 0: at the file's own position. */
static int unreadable(int fd, size_t n, off_t offset) {
    if (!watched(fd) || !(control->kinds >> READ & 1)) return 0;
    if (fds[fd].ino != strtoull(control->match + 1, NULL, 10)) return 0;
    off_t at = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
    if (at > control->last || at + (off_t)n <= control->first) return 0;
    pthread_mutex_lock(&lock);
    control->met++;
    pthread_mutex_unlock(&lock);
    return 1;
}
ssize_t read(int fd, void *data, size_t n) {
    return unreadable(fd, n, -1) ? failed(EIO) : syscall(SYS_read, fd, data, n);
}
ssize_t pread64(int fd, void *data, size_t n, off64_t offset) {
    return unreadable(fd, n, offset) ? failed(EIO) : syscall(SYS_pread64, fd, data, n, offset);
}
ssize_t pread(int fd, void *data, size_t n, off_t offset) { return pread64(fd, data, n, offset); }

/* Copies inside the kernel are refused, so that they are made by reading and writing. */
ssize_t sendfile64(int out, int in, off64_t *offset, size_t n) {
    return watched(out) ? failed(EINVAL) : syscall(SYS_sendfile, out, in, offset, n);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) {
    return watched(out) ? failed(EXDEV) : syscall(SYS_copy_file_range, in, from, out, to, n, flags);
}

int ftruncate64(int fd, off64_t size) {
    if (!watched(fd)) return (int)syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int action = fault(TRUNCATE, fds[fd].path, strlen(fds[fd].path));
    long result = is_error(action) ? failed(action) : syscall(SYS_ftruncate, fd, size);
    int error = errno;
    if (!result) note(TRUNCATE, 0, NULL, fds[fd].ino, size, NULL, 0), after(action);
    pthread_mutex_unlock(&lock);
    errno = error;
    return (int)result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int truncate64(const char *path, off64_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = ftruncate64(fd, size), error = errno;
    close(fd);
    errno = error;
    return result;
}
int truncate(const char *path, off_t size) { return truncate64(path, size); }
/* Room is taken by zeros. Returns the error itself. */
int posix_fallocate64(int fd, off64_t offset, off64_t n) {
    if (!watched(fd)) return syscall(SYS_fallocate, fd, 0, offset, n) ? errno : 0;
    static const char zeros[65536];
    off64_t end = offset + n;
    for (offset = lseek(fd, 0, SEEK_END); offset < end;) {
        ssize_t done = written(fd, zeros, (size_t)(end - offset) < sizeof zeros ? (size_t)(end - offset) : sizeof zeros, offset);
        if (done <= 0) return done ? errno : ENOSPC;
        offset += done;
    }
    return 0;
}
int posix_fallocate(int fd, off_t offset, off_t n) { return posix_fallocate64(fd, offset, n); }
int fallocate64(int fd, int how, off64_t offset, off64_t n) {
    return watched(fd) ? (int)failed(EOPNOTSUPP) : (int)syscall(SYS_fallocate, fd, how, offset, n);
}
int fallocate(int fd, int how, off_t offset, off_t n) { return fallocate64(fd, how, offset, n); }

static int synced(int fd) {
    pthread_mutex_lock(&lock);
    enum kind kind = fds[fd].directory ? SYNC_NAMES : SYNC;
    int action = fault(kind, fds[fd].path, strlen(fds[fd].path));
    note(kind, is_error(action), NULL, fds[fd].ino, 0, NULL, 0);
    after(action);
    pthread_mutex_unlock(&lock);
    return is_error(action) ? (int)failed(action) : 0;
}
int fsync(int fd) { return watched(fd) ? synced(fd) : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return watched(fd) ? synced(fd) : (int)syscall(SYS_fdatasync, fd); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    if (!ours(from_at, from, a) || !ours(to_at, to, b)) return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
    NAMES(RENAME, a, b, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0));
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    char a[PATH_MAX], b[PATH_MAX];
    if (!ours(from_at, from, a) || !ours(to_at, to, b)) return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    NAMES(LINK, a, b, syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, flags));
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int unlinkat(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    if (!ours(at, path, whole)) return (int)syscall(SYS_unlinkat, at, path, flags);
    NAMES(UNLINK, whole, "", syscall(SYS_unlinkat, AT_FDCWD, whole, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    if (!ours(at, path, whole)) return (int)syscall(SYS_mkdirat, at, path, mode);
    NAMES(MKDIR, whole, "", syscall(SYS_mkdirat, AT_FDCWD, whole, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Sockets: only to end the process at a packet. */
ssize_t send(int fd, const void *data, size_t n, int flags) {
    pthread_mutex_lock(&lock);
    int action = fault(SEND, data, n);
    pthread_mutex_unlock(&lock);
    ssize_t done = syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
    after(action);
    return done;
}
ssize_t recv(int fd, void *data, size_t n, int flags) {
    ssize_t got = syscall(SYS_recvfrom, fd, data, n, flags, NULL, NULL);
    if (got > 0) {
        pthread_mutex_lock(&lock);
        after(fault(RECV, data, (size_t)got));
        pthread_mutex_unlock(&lock);
    }
    return got;
}
