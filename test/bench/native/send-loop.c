/* The floor of an upload: one connection, read and write of 256 KiB, nothing else. send-loop PORT PATH FILE */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[256 << 10];

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  int file = open(argv[3], O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return 1;
  int length = snprintf(buffer, sizeof buffer, "PUT %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nContent-Length: %lld\r\n\r\n", argv[2],
                        argv[1], (long long)status.st_size);
  if (write(connection, buffer, length) != length) return 1;
  for (;;) {
    ssize_t got = read(file, buffer, sizeof buffer);
    if (got < 0) return 1;
    if (got == 0) break;
    /* A blocking socket takes all of it. */
    if (write(connection, buffer, got) != got) return 1;
  }
  ssize_t got = read(connection, buffer, sizeof buffer - 1);
  if (got <= 0) return 1;
  buffer[got] = 0;
  return strncmp(buffer, "HTTP/1.1 201", 12) == 0 ? 0 : 1;
}
