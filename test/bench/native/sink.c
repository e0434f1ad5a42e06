/* Takes uploads and drops them: reads each body by its Content-Length, answers 201. sink PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[1 << 20];

static void serve(int connection) {
  for (;;) {
    size_t held = 0;
    char *body = NULL;
    while (body == NULL) {
      ssize_t got = read(connection, buffer + held, sizeof buffer - held - 1);
      if (got <= 0) return;
      held += got;
      buffer[held] = 0;
      body = strstr(buffer, "\r\n\r\n");
    }
    body += 4;
    char *field = strcasestr(buffer, "\r\ncontent-length:");
    long long left = field == NULL || field > body ? 0 : atoll(field + 17);
    char *expect = strcasestr(buffer, "\r\nexpect: 100");
    if (expect != NULL && expect < body) dprintf(connection, "HTTP/1.1 100 Continue\r\n\r\n");
    left -= buffer + held - body;
    while (left > 0) {
      ssize_t got = read(connection, buffer, left < (long long)sizeof buffer ? left : (long long)sizeof buffer);
      if (got <= 0) return;
      left -= got;
    }
    dprintf(connection, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) return 1;
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) return 1;
    serve(connection);
    close(connection);
  }
}
