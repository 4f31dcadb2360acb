/* SPDX-License-Identifier: Apache-2.0
 *
 * An example in C99: lists this machine's TCP connections, and then tells of those that end.
 *
 *   cc -std=c99 connections.c -o connections $(pkg-config --cflags --libs libtcpinfo)
 *   ./connections                  # list, and end
 *   ./connections 10               # and tell for 10 seconds, or until Ctrl-C, what ended
 *   ./connections 10 ended.jsonl.zst   # and keep the last words in an archive
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime(), sigaction() */

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tcpinfo/c.h>

/* Fields are asked for by number; their names are looked up once. */
static const char *const names[] = {"info.rtt", "info.bytes_sent", "info.bytes_received",
                                    "info.total_retrans"};
enum { rtt, sent, received, retransmitted, name_count };
static uint32_t fields[name_count];
static uint32_t congestion_control;

static int complain(const char *what, int result) {
  char text[128];
  tcpinfo_error_text(result, text, sizeof text);
  fprintf(stderr, "connections: %s: %s\n", what, text);
  return 1;
}

static int look_up_fields(void) {
  tcpinfo_field field;
  TCPINFO_INIT(field);
  for (int i = 0; i < name_count; ++i) {
    const int result = tcpinfo_field_by_name(names[i], &field);
    if (result < 0) return complain(names[i], result);
    fields[i] = field.id;
  }
  const int result = tcpinfo_field_by_name("cong", &field);
  if (result < 0) return complain("cong", result);
  congestion_control = field.id;
  return 0;
}

/* One line: what happened, both ends, and the fields that the kernel sent. */
static int print_message(const char *what, tcpinfo_snapshot *snapshot,
                         const tcpinfo_message *message) {
  tcpinfo_socket_id id;
  int result = tcpinfo_message_id(message, &id);
  if (result == 0) result = tcpinfo_snapshot_decode(snapshot, message, TCPINFO_LAYOUT_UNKNOWN);
  if (result < 0) return complain("a message", result);
  char ends[128];
  tcpinfo_id_text(&id, ends, sizeof ends);
  printf("%s %s", what, ends);
  for (int i = 0; i < name_count; ++i) {
    uint64_t value;
    /* Absent is not 0: a time-wait socket, say, has no tcp_info. */
    if (tcpinfo_snapshot_measured(snapshot, fields[i], &value) == 1)
      printf(" %s=%" PRIu64, strchr(names[i], '.') + 1, value);
  }
  const char *name;
  size_t size;
  if (tcpinfo_snapshot_text(snapshot, congestion_control, &name, &size) == 1)
    printf(" cong=%.*s", (int)size, name);
  printf("\n");
  return 0;
}

static int list(tcpinfo_snapshot *snapshot) {
  tcpinfo_socket *socket;
  int result = tcpinfo_socket_open(&socket, NULL);
  if (result < 0) return complain("inet_diag", result);
  /* NULL: all connections, with everything that the kernel tells of them. */
  result = tcpinfo_socket_collect(socket, NULL);
  tcpinfo_message message;
  while (result == 0 && (result = tcpinfo_socket_collected(socket, &message)) == 1)
    result = print_message("connection", snapshot, &message);
  tcpinfo_socket_close(socket);
  return result < 0 ? complain("dump", result) : result;
}

/* What is told of each connection that ends. */
struct last_words {
  tcpinfo_snapshot *snapshot;
  tcpinfo_writer *writer; /* or NULL */
  int result;
};

static int on_end(void *user, const tcpinfo_message *message) {
  struct last_words *words = user;
  words->result = print_message("ended", words->snapshot, message);
  if (words->result == 0 && words->writer != NULL) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tcpinfo_record record;
    TCPINFO_INIT(record);
    record.time.seconds = now.tv_sec;
    record.time.nanoseconds = (uint32_t)now.tv_nsec;
    record.message = *message;
    const int result = tcpinfo_writer_write(words->writer, &record);
    if (result < 0) words->result = complain("archive", result);
  }
  fflush(stdout);
  return words->result; /* anything but 0 is enough of it */
}

static volatile sig_atomic_t interrupted = 0;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int listen_for(int seconds, tcpinfo_listener *listener, struct last_words *words) {
  const int64_t until = milliseconds() + (int64_t)seconds * 1000;
  int64_t left;
  while (!interrupted && words->result == 0 && (left = until - milliseconds()) > 0) {
    struct pollfd waits = {tcpinfo_listener_descriptor(listener), POLLIN, 0};
    /* A signal between the condition and here costs a second at most. */
    if (poll(&waits, 1, left < 1000 ? (int)left : 1000) <= 0) continue;
    const int result = tcpinfo_listener_receive(listener, on_end, words);
    if (result < 0 && result != TCPINFO_E_STOPPED) return complain("listener", result);
  }
  const uint64_t overflows = tcpinfo_listener_overflows(listener);
  if (overflows > 0) fprintf(stderr, "connections: %" PRIu64 " times some were lost\n", overflows);
  return words->result;
}

int main(int argc, char **argv) {
  const int seconds = argc > 1 ? atoi(argv[1]) : 0;
  struct last_words words = {NULL, NULL, 0};
  tcpinfo_listener *listener = NULL;
  struct sigaction stop;
  memset(&stop, 0, sizeof stop);
  stop.sa_handler = on_signal;
  sigaction(SIGINT, &stop, NULL);
  int status = look_up_fields();
  int result = tcpinfo_snapshot_new(&words.snapshot);
  /* First of all, so that nothing ends unheard while the list is printed. */
  tcpinfo_listener_options options;
  TCPINFO_INIT(options);
  options.receive_buffer = 1 << 20;
  if (result == 0 && seconds > 0) result = tcpinfo_listener_open(&listener, &options);
  if (result == 0 && argc > 2) result = tcpinfo_writer_open(&words.writer, argv[2], NULL);
  if (result < 0) status = complain("start", result);
  if (status == 0) status = list(words.snapshot);
  fflush(stdout);
  if (status == 0 && listener != NULL) status = listen_for(seconds, listener, &words);
  tcpinfo_listener_close(listener);
  result = tcpinfo_writer_close(words.writer);
  if (result < 0) status = complain("archive", result);
  tcpinfo_snapshot_free(words.snapshot);
  return status;
}
