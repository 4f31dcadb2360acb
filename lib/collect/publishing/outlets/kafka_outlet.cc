// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/kafka_outlet.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

#include "collect/publishing/kafka_credentials.h"

namespace tcpinfo::collect {
namespace {

using clock = std::chrono::steady_clock;

// Without an acknowledgement for so long the batch is given up, and later sent once more.
constexpr std::chrono::seconds patience{30};
// And a producer that has heard of nothing but errors since it was made.
constexpr std::chrono::seconds first_patience{5};
constexpr int poll_ms = 100;
// Of syslog(3): errors, and what is worse.
constexpr int worst_level_kept = 3;

// What order and completeness need, whatever the broker does: acknowledged by all replicas in sync;
// one request at a time, so that nothing overtakes what is repeated; and where a message is refused
// none behind it is sent (gapless). How long to try is decided here, not by the library.
constexpr std::array<std::pair<const char*, const char*>, 13> always = {{
    {"client.id", "tcpinfo-collect"},
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"max.in.flight.requests.per.connection", "1"},
    {"enable.gapless.guarantee", "true"},
    {"message.timeout.ms", "0"},
    // The largest block, and its head.
    {"message.max.bytes", "9437184"},
    {"compression.codec", "lz4"},
    // As Kafka's own clients choose it by the key.
    {"partitioner", "murmur2_random"},
    {"reconnect.backoff.max.ms", "2000"},
    {"socket.keepalive.enable", "true"},
    {"enable.ssl.certificate.verification", "true"},
    {"ssl.endpoint.identification.algorithm", "https"},
}};

// What the library says last, from threads of its own.
class last_words {
 public:
  void take(const char* text) noexcept {
    const std::lock_guard lock(mutex_);
    try {
      text_ = text;
    } catch (const std::bad_alloc&) {
      text_.clear();
    }
  }
  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    text_.clear();
  }
  [[nodiscard]] std::string get() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

// What became of the messages that are on their way. Used by one thread: reports come where it
// polls.
struct message_reports {
  std::vector<bool> came;
  std::size_t left = 0;
  std::size_t worst = 0;  // where there is an error: the first message that has one
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

  void begin(std::size_t count) {
    came.assign(count, false);
    left = count;
    error = RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  void take(std::size_t which, rd_kafka_resp_err_t what) noexcept {
    if (which >= came.size() || came[which]) return;
    if (what == RD_KAFKA_RESP_ERR_NO_ERROR) {
      came[which] = true;
      --left;
    } else if (error == RD_KAFKA_RESP_ERR_NO_ERROR || which < worst) {
      error = what;
      worst = which;
    }
  }
  // How many of the first are acknowledged, without a gap.
  [[nodiscard]] std::size_t acknowledged() const noexcept {
    return static_cast<std::size_t>(std::find(came.begin(), came.end(), false) - came.begin());
  }
};

// For max.message.bytes of the topic, or for its segment.bytes.
bool is_too_large(rd_kafka_resp_err_t error) noexcept {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

struct kafka_state {
  last_words words;
  message_reports reports;
};

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* user) noexcept {
  static_cast<kafka_state*>(user)->reports.take(
      static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(message->_private)), message->err);
}

void on_log(const rd_kafka_t* producer, int level, const char*, const char* text) noexcept {
  if (level <= worst_level_kept)
    static_cast<kafka_state*>(rd_kafka_opaque(producer))->words.take(text);
}

struct producer_end {
  void operator()(rd_kafka_t* one) const noexcept {
    // What was not acknowledged is sent again by another producer.
    (void)rd_kafka_purge(one, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(one);
  }
};
struct settings_end {
  void operator()(rd_kafka_conf_t* one) const noexcept { rd_kafka_conf_destroy(one); }
};
using settings_handle = std::unique_ptr<rd_kafka_conf_t, settings_end>;

class kafka_outlet final : public block_outlet {
 public:
  kafka_outlet(const publish_url& url, kafka_settings settings)
      : topic_(url.path), settings_(std::move(settings)) {}

  [[nodiscard]] send_result send_blocks(const block_batch& batch, const may_wait& may) override;
  // Which setting the library does not take; empty: it takes all.
  [[nodiscard]] std::string set_up(settings_handle& out);

 private:
  [[nodiscard]] std::string open();
  [[nodiscard]] send_result send_all(const block_batch& batch, const may_wait& may);
  [[nodiscard]] rd_kafka_resp_err_t publish(const block_batch& batch,
                                            const block_batch::block& block, std::size_t which);
  void send_from(const block_batch& batch, std::size_t from, const may_wait& may,
                 std::string& fault);
  [[nodiscard]] std::string with_reason(std::string fault);

  const std::string topic_;
  const kafka_settings settings_;
  kafka_state state_;
  // A message for each request.
  bool alone_ = false;
  // The producer has had an acknowledgement.
  bool heard_of_ = false;
  // Behind what its threads use.
  std::unique_ptr<rd_kafka_t, producer_end> producer_;
};

std::string kafka_outlet::set_up(settings_handle& out) {
  out.reset(rd_kafka_conf_new());
  std::string wrong;
  const auto set = [&](const char* name, const char* value) {
    // Its words may have the value in them, which may be a secret.
    std::array<char, 1> no_words{};
    if (rd_kafka_conf_set(out.get(), name, value, no_words.data(), 0) != RD_KAFKA_CONF_OK)
      wrong = fmt::format("librdkafka does not take {}", name);
  };
  for (const auto& [name, value] : always) set(name, value);
  for (const auto& [name, value] : settings_) set(name.c_str(), value.c_str());
  if (alone_) set("batch.num.messages", "1");
  rd_kafka_conf_set_dr_msg_cb(out.get(), on_report);
  rd_kafka_conf_set_log_cb(out.get(), on_log);
  rd_kafka_conf_set_opaque(out.get(), &state_);
  return wrong;
}

std::string kafka_outlet::open() {
  if (producer_ != nullptr) return {};
  settings_handle settings;
  if (auto wrong = set_up(settings); !wrong.empty()) return wrong;
  std::array<char, 512> words{};
  producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, settings.get(), words.data(), words.size()));
  if (producer_ == nullptr) return words.data();
  heard_of_ = false;
  (void)settings.release();  // which is the producer's now
  return {};
}

rd_kafka_resp_err_t kafka_outlet::publish(const block_batch& batch, const block_batch::block& block,
                                          std::size_t which) {
  const auto memory = [](rd_kafka_vtype_t type, const void* bytes, std::size_t size) {
    rd_kafka_vu_t one{};
    one.vtype = type;
    // It is read alone.
    one.u.mem.ptr = const_cast<void*>(bytes);
    one.u.mem.size = size;
    return one;
  };
  const bytes_view bytes = batch.bytes_of(block);
  const std::string& key = batch.key_of(block);
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic_.c_str();
  parts[1] = memory(RD_KAFKA_VTYPE_KEY, key.data(), key.size());
  parts[2] = memory(RD_KAFKA_VTYPE_VALUE, bytes.data(), bytes.size());
  parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[3].u.i = RD_KAFKA_MSG_F_COPY;
  parts[4].vtype = RD_KAFKA_VTYPE_HEADER;
  parts[4].u.header.name = "id";
  parts[4].u.header.val = block.id.data();
  parts[4].u.header.size = static_cast<ssize_t>(block.id.size());
  parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[5].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(which));
  rd_kafka_error_t* const error = rd_kafka_produceva(producer_.get(), parts.data(), parts.size());
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

// Sends the messages from one on, until all are acknowledged, or one is refused, or time is up:
// then there is a fault.
void kafka_outlet::send_from(const block_batch& batch, std::size_t from, const may_wait& may,
                             std::string& fault) {
  message_reports& reports = state_.reports;
  reports.begin(batch.blocks.size() - from);
  rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (std::size_t i = from; i < batch.blocks.size(); ++i) {
    refused = publish(batch, batch.blocks[i], i - from);
    if (refused == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    // None behind it is sent; those before it are waited for.
    reports.left = i - from;
    break;
  }
  auto heard = clock::now();
  std::size_t left = reports.left;
  while (reports.left > 0 && reports.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    (void)rd_kafka_poll(producer_.get(), poll_ms);
    // A slow link takes its time for a batch: each message that has come is a sign of life.
    if (reports.left < left) {
      heard = clock::now();
      heard_of_ = true;
    }
    left = reports.left;
    if (left == 0 || reports.error != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const bool is_hopeless = !heard_of_ && !state_.words.get().empty();
    if (clock::now() - heard >= (is_hopeless ? first_patience : patience)) {
      fault = "no acknowledgement";
      return;
    }
    if (!may()) {
      fault = "no acknowledgement before the end";
      return;
    }
  }
  if (reports.error == RD_KAFKA_RESP_ERR_NO_ERROR) reports.error = refused;
}

// The library tells in its log why it cannot reach anybody.
std::string kafka_outlet::with_reason(std::string fault) {
  const std::string words = state_.words.get();
  return words.empty() ? std::move(fault) : fmt::format("{} ({})", fault, words);
}

send_result kafka_outlet::send_all(const block_batch& batch, const may_wait& may) {
  send_result result;
  std::size_t from = 0;
  state_.words.clear();
  while (from < batch.blocks.size()) {
    if (result.fault = open(); !result.fault.empty()) return result;
    send_from(batch, from, may, result.fault);
    const std::size_t good = state_.reports.acknowledged();
    from += good;
    const rd_kafka_resp_err_t error = state_.reports.error;
    if (result.fault.empty() && error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (result.fault.empty() && is_too_large(error)) {
      // What is too large may be several in one request. One alone that is will never be taken.
      if (alone_) result.too_large.push_back(from++);
      alone_ = true;
      producer_.reset();
      continue;
    }
    if (result.fault.empty()) result.fault = rd_kafka_err2str(error);
    result.fault = with_reason(std::move(result.fault));
    break;
  }
  result.all = result.fault.empty();
  return result;
}

send_result kafka_outlet::send_blocks(const block_batch& batch, const may_wait& may) {
  // Reports that come later are of messages of this batch, and must not be taken for the next
  // one's: a producer goes with what it has not reported, also where memory is missing.
  const auto end = [this](bool good) noexcept {
    if (!good || alone_) producer_.reset();
    alone_ = false;
  };
  try {
    send_result result = send_all(batch, may);
    end(result.all);
    return result;
  } catch (...) {
    end(false);
    throw;
  }
}

}  // namespace

bool kafka_available() noexcept { return true; }

std::unique_ptr<outlet> make_kafka_outlet(const publish_url& url, std::string_view secret,
                                          std::string& why) {
  kafka_settings settings = {{"bootstrap.servers", url.servers}};
  if (!url.credentials.empty()) {
    why = read_kafka_credentials(secret, settings);
    if (!why.empty()) {
      why = fmt::format("{}: {}", url.credentials, why);
      return nullptr;
    }
  } else if (url.tls) {
    settings.emplace_back("security.protocol", "ssl");
  }
  if (url.tls && url.ca != "system") settings.emplace_back("ssl.ca.location", url.ca);
  for (const auto& [name, value] : settings)
    if (name.ends_with(".location") && ::access(value.c_str(), R_OK) != 0) {
      why = fmt::format("{}: cannot be read", value);
      return nullptr;
    }
  auto made = std::make_unique<kafka_outlet>(url, std::move(settings));
  settings_handle tried;
  why = made->set_up(tried);
  if (!why.empty()) return nullptr;
  return made;
}

}  // namespace tcpinfo::collect
