/*
 * Stands between a process and the files of one directory, loaded by LD_PRELOAD: counts the calls that
 * change or read them, tells a log of what they did, and at one of them kills the process or lets calls
 * fail. What a test asks for is in the environment; shim.rs has the other side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 1024, FDS = 1024 };
enum deed { GO, KILL_BEFORE, KILL_AFTER, KILL_HALF, FAIL, HALF_THEN_FAIL };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[4096];
static size_t directory_length;
static const char *classes = "";
static const char *thread;
static enum deed deed = GO;
static long at, span = 1, calls, struck;
static int error_number = EIO;
static int log_fd = -1;
static const char *count_path;

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SHIM_DIRECTORY");
  if (!path || sizeof directory <= strlen(path)) return;
  strcpy(directory, path);
  directory_length = strlen(directory);
  if (getenv("SHIM_CLASSES")) classes = getenv("SHIM_CLASSES");
  thread = getenv("SHIM_THREAD");
  deed = (enum deed)number("SHIM_DEED", GO);
  at = number("SHIM_AT", 0);
  span = number("SHIM_SPAN", 1);
  error_number = (int)number("SHIM_ERROR", EIO);
  count_path = getenv("SHIM_COUNT");
  path = getenv("SHIM_LOG");
  if (path)
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void end(void) {
  if (!count_path) return;
  FILE *file = fopen(count_path, "w");
  if (!file) return;
  fprintf(file, "%ld %ld\n", calls, struck);
  fclose(file);
}

/* The name within the directory of what is open as `fd`: empty for the directory, NULL for all else. */
static const char *name_of(int fd, char *path, size_t size) {
  char link[64];
  if (!directory_length) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  char *deleted = strstr(path, " (deleted)");
  if (deleted) *deleted = 0;
  if (strncmp(path, directory, directory_length)) return NULL;
  if (path[directory_length] == 0) return path + directory_length;
  return path[directory_length] == '/' ? path + directory_length + 1 : NULL;
}

static const char *within(const char *path) {
  if (!directory_length || strncmp(path, directory, directory_length)) return NULL;
  return path[directory_length] == '/' ? path + directory_length + 1 : NULL;
}

/* The index of the write-ahead log is memory that processes share; no crash of the machine keeps it. */
static int is_kept(const char *name) {
  size_t length = strlen(name);
  return length < 4 || strcmp(name + length - 4, "-shm");
}

static int is_log(const char *name) {
  size_t length = strlen(name);
  return 4 <= length && !strcmp(name + length - 4, "-wal");
}

static void put(const void *bytes, size_t length) {
  const char *next = bytes;
  while (0 < length) {
    ssize_t written = syscall(SYS_write, log_fd, next, length);
    if (written <= 0) _exit(97);
    next += written;
    length -= (size_t)written;
  }
}

/* what, whether it failed, inode, position, name, data */
static void tell(char what, int failed, uint64_t inode, uint64_t position, const char *name,
                 const void *data, size_t length) {
  if (log_fd < 0 || !is_kept(name)) return;
  char head[26];
  uint32_t lengths[2] = {(uint32_t)strlen(name), (uint32_t)length};
  head[0] = what;
  head[1] = failed ? 1 : 0;
  memcpy(head + 2, &inode, 8);
  memcpy(head + 10, &position, 8);
  memcpy(head + 18, lengths, 8);
  put(head, sizeof head);
  put(name, lengths[0]);
  put(data, length);
}

static uint64_t inode_of(int fd) {
  struct stat found;
  return fstat(fd, &found) ? 0 : (uint64_t)found.st_ino;
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/* Whether the calls of this thread count. The system keeps 15 characters of its name. */
static int is_meant(void) {
  char name[16];
  return !thread || (!prctl(PR_GET_NAME, name) && !strncmp(name, thread, sizeof name - 1));
}

/* What the call that comes now meets with. */
static enum deed judge(char class) {
  if (!strchr(classes, class) || !is_meant()) return GO;
  calls++;
  if (at == 0 || calls < at || at + span <= calls) return GO;
  struck++;
  if (deed == KILL_BEFORE) die();
  if (deed == HALF_THEN_FAIL && (class != 'w' || 1 < struck)) return FAIL;
  return deed;
}

static long failed(void) {
  errno = error_number;
  return -1;
}

static ssize_t do_write(int fd, const void *data, size_t length, off_t position, int is_placed) {
  char path[4200];
  const char *name = name_of(fd, path, sizeof path);
  if (!name && fd == 1 && 0 <= log_fd) {
    pthread_mutex_lock(&lock);
    ssize_t said = syscall(SYS_write, fd, data, length);
    tell('a', said < 0, 0, 0, "", data, said < 0 ? 0 : (size_t)said);
    pthread_mutex_unlock(&lock);
    return said;
  }
  if (!name)
    return is_placed ? syscall(SYS_pwrite64, fd, data, length, position)
                     : syscall(SYS_write, fd, data, length);
  pthread_mutex_lock(&lock);
  enum deed now = judge('w');
  if (!is_placed) position = syscall(SYS_lseek, fd, 0, SEEK_CUR);
  size_t some = now == KILL_HALF || now == HALF_THEN_FAIL ? (length + 1) / 2 : length;
  ssize_t written = now == FAIL ? failed()
                    : is_placed ? syscall(SYS_pwrite64, fd, data, some, position)
                                : syscall(SYS_write, fd, data, some);
  int told = errno;
  tell('w', written < 0, inode_of(fd), (uint64_t)position, name, data, written < 0 ? 0 : (size_t)written);
  if (now == KILL_HALF || now == KILL_AFTER) die();
  pthread_mutex_unlock(&lock);
  errno = told;
  return written;
}

ssize_t write(int fd, const void *data, size_t length) { return do_write(fd, data, length, 0, 0); }

ssize_t pwrite(int fd, const void *data, size_t length, off_t position) {
  return do_write(fd, data, length, position, 1);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t position) {
  return do_write(fd, data, length, position, 1);
}

static ssize_t do_read(int fd, void *data, size_t length, off_t position, int is_placed) {
  char path[4200];
  if (strchr(classes, 'r') && name_of(fd, path, sizeof path)) {
    pthread_mutex_lock(&lock);
    enum deed now = judge('r');
    pthread_mutex_unlock(&lock);
    if (now == FAIL) return failed();
    if (now == KILL_HALF) length = (length + 1) / 2;
  }
  return is_placed ? syscall(SYS_pread64, fd, data, length, position)
                   : syscall(SYS_read, fd, data, length);
}

ssize_t read(int fd, void *data, size_t length) { return do_read(fd, data, length, 0, 0); }

ssize_t pread(int fd, void *data, size_t length, off_t position) {
  return do_read(fd, data, length, position, 1);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t position) {
  return do_read(fd, data, length, position, 1);
}

static int do_truncate(int fd, off_t length) {
  char path[4200];
  const char *name = name_of(fd, path, sizeof path);
  if (!name) return (int)syscall(SYS_ftruncate, fd, length);
  pthread_mutex_lock(&lock);
  enum deed now = judge('w');
  int result = now == FAIL ? (int)failed() : (int)syscall(SYS_ftruncate, fd, length);
  int told = errno;
  tell('t', result < 0, inode_of(fd), (uint64_t)length, name, NULL, 0);
  if (now == KILL_HALF || now == KILL_AFTER) die();
  pthread_mutex_unlock(&lock);
  errno = told;
  return result;
}

int ftruncate(int fd, off_t length) { return do_truncate(fd, length); }
int ftruncate64(int fd, off64_t length) { return do_truncate(fd, length); }

/*
 * Whoever has a file open is told once, by the next sync, that a sync of it has failed, also if that was
 * somebody else's (Linux since 4.13, errseq_t): then that sync fails too.
 */
static struct { uint64_t inode; unsigned errors; } files[FILES];
static unsigned told_errors[FDS];

static unsigned *errors_of(uint64_t inode) {
  for (int file = 0; file < FILES; file++) {
    if (files[file].inode == 0) files[file].inode = inode;
    if (files[file].inode == inode) return &files[file].errors;
  }
  _exit(98);
}

static void is_opened(int fd) {
  if (FDS <= fd) _exit(99);
  if (0 <= fd) told_errors[fd] = *errors_of(inode_of(fd));
}

/* What a sync by `fd` comes to. Where it is only told of what failed before, what it was to sync waits for
 * the next one, and the log needs no word of it. */
static int do_sync(int fd, long which) {
  char path[4200];
  const char *name = name_of(fd, path, sizeof path);
  if (!name) return (int)syscall(which, fd);
  pthread_mutex_lock(&lock);
  enum deed now = judge(is_log(name) ? 'l' : 's');
  unsigned *errors = errors_of(inode_of(fd));
  if (now == FAIL) ++*errors;
  int is_failed = told_errors[fd] != *errors;
  told_errors[fd] = *errors;
  int result = is_failed ? (int)failed() : (int)syscall(which, fd);
  int told = errno;
  if (!is_failed || now == FAIL) tell(*name ? 's' : 'd', result < 0, inode_of(fd), 0, name, NULL, 0);
  if (now == KILL_HALF || now == KILL_AFTER) die();
  pthread_mutex_unlock(&lock);
  errno = told;
  return result;
}

int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

static int do_open(const char *path, int flags, mode_t mode) {
  const char *name = within(path);
  int is_directory = directory_length && !strcmp(path, directory);
  if (!name && !is_directory) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int is_there = is_directory || !syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
  if (is_there && (flags & O_ACCMODE) != O_RDONLY) {
    pthread_mutex_lock(&lock);
    enum deed now = judge('o');
    pthread_mutex_unlock(&lock);
    if (now == FAIL) return (int)failed();
  }
  pthread_mutex_lock(&lock);
  if (is_there || !(flags & O_CREAT)) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    int told = errno;
    is_opened(fd);
    pthread_mutex_unlock(&lock);
    errno = told;
    return fd;
  }
  enum deed now = judge('n');
  int fd = now == FAIL ? (int)failed() : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int told = errno;
  is_opened(fd);
  tell('c', fd < 0, fd < 0 ? 0 : inode_of(fd), 0, name, NULL, 0);
  if (now == KILL_HALF || now == KILL_AFTER) die();
  pthread_mutex_unlock(&lock);
  errno = told;
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return do_open(path, flags, mode);
}

static int do_names(char what, const char *from, const char *to) {
  const char *name = within(from), *other = to ? within(to) : "";
  int counts = name != NULL && other != NULL;
  enum deed now = GO;
  if (counts) {
    pthread_mutex_lock(&lock);
    now = judge('n');
  }
  int result = now == FAIL   ? (int)failed()
               : what == 'u' ? (int)syscall(SYS_unlinkat, AT_FDCWD, from, 0)
               : what == 'r' ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)
                             : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  int told = errno;
  if (counts) {
    tell(what, result < 0, 0, 0, name, other, strlen(other));
    if (now == KILL_HALF || now == KILL_AFTER) die();
    pthread_mutex_unlock(&lock);
  }
  errno = told;
  return result;
}

int unlink(const char *path) { return do_names('u', path, NULL); }
int rename(const char *from, const char *to) { return do_names('r', from, to); }
int link(const char *from, const char *to) { return do_names('l', from, to); }

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  if (from_fd == AT_FDCWD && to_fd == AT_FDCWD && !flags) return do_names('l', from, to);
  return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}
