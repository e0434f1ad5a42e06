/* The floor of a download: one connection, read and write of 1 MiB, nothing else. receive-loop PORT PATH FILE BYTES */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[1 << 20];

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  long long wanted = atoll(argv[4]), done = 0;
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  int length = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[2], argv[1]);
  if (write(connection, buffer, length) != length) return 1;
  int file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return 1;
  size_t held = 0;
  char *body = NULL;
  while (body == NULL) {
    ssize_t got = read(connection, buffer + held, sizeof buffer - held - 1);
    if (got <= 0) return 1;
    held += got;
    buffer[held] = 0;
    body = memmem(buffer, held, "\r\n\r\n", 4);
  }
  body += 4;
  ssize_t first = buffer + held - body;
  if (write(file, body, first) != first) return 1;
  for (done = first; done < wanted;) {
    ssize_t got = read(connection, buffer, sizeof buffer);
    if (got <= 0 || write(file, buffer, got) != got) return 1;
    done += got;
  }
  return close(file);
}
