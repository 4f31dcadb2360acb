// SPDX-License-Identifier: Apache-2.0
//
// Brokers of Kafka for tests: the cluster that librdkafka has for its own, on loopback, which fails
// when it is told to. It consumes along, since it does not keep much.
//
//   kafka_cluster BROKERS PARTITIONS TOPIC
//
// The first line says where the brokers are. Each other line is a message that came: its partition,
// its offset, its key, its id, and its value in hexadecimal digits. Lines of standard input:
//
//   down BROKER, up BROKER      connections are closed, and refused; or taken again
//   rtt BROKER MILLISECONDS     answers come so late
//   leader PARTITION BROKER     moves a partition
//   fail CODE COUNT             so many requests to produce are answered so, and append nothing
//
// Each is answered by a line "done". It ends with its input. One thread reads these, one consumes.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr std::int16_t produce_key = 0;

void set(rd_kafka_conf_t* settings, const char* name, const char* value) {
  std::array<char, 256> words{};
  if (rd_kafka_conf_set(settings, name, value, words.data(), words.size()) != RD_KAFKA_CONF_OK) {
    std::fputs(words.data(), stderr);
    std::exit(1);
  }
}

rd_kafka_t* client(rd_kafka_type_t type, rd_kafka_conf_t* settings) {
  std::array<char, 256> words{};
  rd_kafka_conf_set_log_cb(settings, nullptr);
  rd_kafka_t* const made = rd_kafka_new(type, settings, words.data(), words.size());
  if (made == nullptr) {
    std::fputs(words.data(), stderr);
    std::exit(1);
  }
  return made;
}

std::string hexadecimal(const void* bytes, std::size_t size) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

void print(const rd_kafka_message_t& message) {
  std::string id = "-";
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
      rd_kafka_header_get_last(headers, "id", &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
    id.assign(static_cast<const char*>(value), size);
  const std::string key(static_cast<const char*>(message.key), message.key_len);
  const std::string line = std::to_string(message.partition) + ' ' +
                           std::to_string(message.offset) + ' ' + key + ' ' + id + ' ' +
                           hexadecimal(message.payload, message.len) + '\n';
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

void consume(const std::string& brokers, const std::string& topic, int partitions,
             const std::atomic<bool>& ended) {
  rd_kafka_conf_t* const settings = rd_kafka_conf_new();
  set(settings, "bootstrap.servers", brokers.c_str());
  set(settings, "group.id", "test");
  set(settings, "enable.auto.commit", "false");
  set(settings, "auto.offset.reset", "earliest");
  set(settings, "fetch.wait.max.ms", "50");
  set(settings, "fetch.error.backoff.ms", "20");
  set(settings, "reconnect.backoff.max.ms", "200");
  set(settings, "topic.metadata.refresh.interval.ms", "500");
  rd_kafka_t* const consumer = client(RD_KAFKA_CONSUMER, settings);
  rd_kafka_topic_partition_list_t* const all = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i)
    rd_kafka_topic_partition_list_add(all, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer, all);
  rd_kafka_topic_partition_list_destroy(all);
  while (!ended) {
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer, 50);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) print(*message);
    rd_kafka_message_destroy(message);
  }
  rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

bool obey(rd_kafka_mock_cluster_t* cluster, const std::string& topic, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  int first = 0;
  int second = 0;
  words >> verb >> first >> second;
  if (verb == "down") return rd_kafka_mock_broker_set_down(cluster, first) == 0;
  if (verb == "up") return rd_kafka_mock_broker_set_up(cluster, first) == 0;
  if (verb == "rtt") return rd_kafka_mock_broker_set_rtt(cluster, first, second) == 0;
  if (verb == "leader")
    return rd_kafka_mock_partition_set_leader(cluster, topic.c_str(), first, second) == 0;
  if (verb != "fail") return false;
  for (int i = 0; i < second; ++i)
    rd_kafka_mock_push_request_errors(cluster, produce_key, 1,
                                      static_cast<rd_kafka_resp_err_t>(first));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int brokers = std::stoi(argv[1]);
  const int partitions = std::stoi(argv[2]);
  const std::string topic = argv[3];
  rd_kafka_t* const owner = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
  rd_kafka_mock_cluster_t* const cluster = rd_kafka_mock_cluster_new(owner, brokers);
  if (cluster == nullptr ||
      rd_kafka_mock_topic_create(cluster, topic.c_str(), partitions, brokers) != 0)
    return 1;
  const std::string where = rd_kafka_mock_cluster_bootstraps(cluster);
  std::printf("%s\n", where.c_str());
  std::fflush(stdout);
  std::atomic<bool> ended{false};
  std::thread consumer([&] { consume(where, topic, partitions, ended); });
  int status = 0;
  for (std::string line; status == 0 && std::getline(std::cin, line);) {
    status = obey(cluster, topic, line) ? 0 : 1;
    // Before the next line, and whole: stdio locks its streams.
    std::fputs(status == 0 ? "done\n" : "refused\n", stdout);
    std::fflush(stdout);
  }
  ended = true;
  consumer.join();
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(owner);
  return status;
}
