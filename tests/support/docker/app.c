/* The only program in the images of the tests, static, so that an image needs nothing else. It waits,
 * prints lines, ends with a status, uses up memory, or is its own health check; as /bin/sh it takes `-c "mode n"`. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc > 1 && (!strcmp(argv[1], "print") || !strcmp(argv[1], "last"))) {
    /* Those that begin with ! go to the other stream; ~n is n letters. `last` ends then. */
    for (int i = 2; i < argc; i++) {
      FILE *out = argv[i][0] == '!' ? stderr : stdout;
      for (long n = argv[i][0] == '~' ? atol(argv[i] + 1) : 0; n > 0; n--) putc('x', out);
      fprintf(out, "%s\n", argv[i][0] == '~' ? "" : argv[i] + (argv[i][0] == '!'));
      fflush(out);
    }
    if (!strcmp(argv[1], "last")) return 0;
    argc = 1;
  }
  char line[256] = "wait";
  if (argc > 2 && strcmp(argv[1], "-c") == 0) snprintf(line, sizeof line, "%s", argv[2]);
  else if (argc > 1) snprintf(line, sizeof line, "%s %s", argv[1], argc > 2 ? argv[2] : "");
  char *mode = strtok(line, " "), *n = strtok(NULL, " ");
  long number = n ? atol(n) : 0;
  if (!strcmp(mode, "exit")) return (int)number;
  if (!strcmp(mode, "check")) return access("/tmp/sick", F_OK) == 0;
  if (!strcmp(mode, "sicken")) return close(open("/tmp/sick", O_CREAT | O_WRONLY, 0600)) != 0;
  if (!strcmp(mode, "heal")) return unlink("/tmp/sick") != 0;
  signal(SIGTERM, end);
  signal(SIGINT, end);
  for (long i = 0; !strcmp(mode, "eat") && i < number; i++) {
    char *megabyte = malloc(1 << 20);
    if (!megabyte) return 2;
    memset(megabyte, 1, 1 << 20);
  }
  for (;;) pause();
}
