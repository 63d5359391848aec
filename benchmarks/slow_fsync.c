/* A disk that takes its time: every fsync and fdatasync sleeps FSYNC_MICROSECONDS first.
   To be loaded with LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_the_disk(void)
{
    const char *text = getenv("FSYNC_MICROSECONDS");

    if (text != NULL)
        usleep((useconds_t)atoi(text));
}

int fsync(int file)
{
    static int (*real)(int);

    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    wait_for_the_disk();
    return real(file);
}

int fdatasync(int file)
{
    static int (*real)(int);

    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    wait_for_the_disk();
    return real(file);
}
