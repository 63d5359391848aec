/* Preloaded into a process, it remembers each file of a directory as it was when it was
 * last synchronised. To put those files back is what a loss of power does at its worst:
 * all that was not synchronised is gone.
 *
 * POWERCUT_DIR is the directory; POWERCUT_KEPT, another one, is where files are kept.
 * They are read through the descriptor that is synchronised: to open and close the file
 * once more would let go of all locks that the process has on it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write the path where a file of the directory is kept; return 0 for any other file. */
static int kept_path(const char *path, char *kept, size_t size) {
    const char *directory = getenv("POWERCUT_DIR");
    const char *keeper = getenv("POWERCUT_KEPT");

    if (!directory || !keeper)
        return 0;

    size_t length = strlen(directory);

    if (strncmp(path, directory, length) || path[length] != '/')
        return 0;

    snprintf(kept, size, "%s/%s", keeper, strrchr(path, '/') + 1);
    return 1;
}

static void keep(int descriptor) {
    char link[64], path[PATH_MAX], kept[PATH_MAX], fresh[PATH_MAX + 32], part[65536];
    struct stat found;

    if (fstat(descriptor, &found) || !S_ISREG(found.st_mode))
        return;

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);

    if (length <= 0)
        return;

    path[length] = 0;

    if (!kept_path(path, kept, sizeof kept))
        return;

    snprintf(fresh, sizeof fresh, "%s.%d", kept, (int)getpid());
    int output = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t place = 0;

    while ((length = pread(descriptor, part, sizeof part, place)) > 0) {
        if (write(output, part, (size_t)length) != length)
            abort();

        place += length;
    }

    close(output);

    if (length < 0 || rename(fresh, kept))
        abort();
}

int fsync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(descriptor);

    if (!result)
        keep(descriptor);

    return result;
}

int fdatasync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(descriptor);

    if (!result)
        keep(descriptor);

    return result;
}

int unlink(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    int result = real(path);
    char kept[PATH_MAX];

    if (!result && kept_path(path, kept, sizeof kept))
        real(kept);

    return result;
}
