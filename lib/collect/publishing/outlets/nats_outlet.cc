// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/nats_outlet.h"

#include <fmt/format.h>
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <new>
#include <set>
#include <vector>

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t connect_ms = 5'000;
// A server that takes nothing for so long is away.
constexpr std::int64_t write_ms = 5'000;
constexpr std::int64_t ack_ms = 30'000;
constexpr const char* id_header = "Nats-Msg-Id";

// What the server has not acknowledged yet. The library calls from threads of its own, maybe later
// than one would think: so these stay until the process ends.
class awaited {
 public:
  void begin(const block_batch& batch) {
    const std::lock_guard lock(mutex_);
    ids_.clear();
    refused_.clear();
    duplicates_ = 0;
    fault_.clear();
    for (const auto& block : batch.blocks) ids_.insert(block.id);
  }
  // One that the stream does not take, however often it is sent.
  void refuse(const char* id) noexcept {
    {
      const std::lock_guard lock(mutex_);
      const auto found = ids_.find(std::string_view(id));
      if (found == ids_.end()) return;
      refused_.insert(ids_.extract(found));
      if (!ids_.empty()) return;
    }
    changed_.notify_all();
  }
  // An acknowledgement of an earlier try is as good.
  void take(const char* id, bool duplicate) noexcept {
    {
      const std::lock_guard lock(mutex_);
      const auto found = ids_.find(std::string_view(id));
      if (found == ids_.end()) return;
      ids_.erase(found);
      if (duplicate) ++duplicates_;
      if (!ids_.empty()) return;
    }
    changed_.notify_all();
  }
  void fail(const char* why) noexcept {
    {
      const std::lock_guard lock(mutex_);
      try {
        fault_ = why;
      } catch (const std::bad_alloc&) {
        fault_ = "memory";
      }
    }
    changed_.notify_all();
  }
  [[nodiscard]] bool has_failed() noexcept {
    const std::lock_guard lock(mutex_);
    return !fault_.empty();
  }
  send_result wait(const block_batch& batch, natsConnection* connection, const may_wait& may) {
    using clock = std::chrono::steady_clock;
    std::unique_lock lock(mutex_);
    auto heard = clock::now();
    std::size_t left = ids_.size();
    while (!ids_.empty() && fault_.empty()) {
      // A slow link takes its time for a batch: each block that has come is a sign of life.
      if (ids_.size() < left) heard = clock::now();
      left = ids_.size();
      if (clock::now() - heard >= std::chrono::milliseconds(ack_ms))
        return {.fault = "no acknowledgement"};
      lock.unlock();
      const bool go_on = may();
      const bool is_open = natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED;
      lock.lock();
      if (!go_on) return {.fault = "no acknowledgement before the end"};
      if (!is_open && !ids_.empty() && fault_.empty())
        return {.fault = "the connection ended before all was acknowledged"};
      if (!ids_.empty() && fault_.empty()) changed_.wait_for(lock, std::chrono::milliseconds(200));
    }
    if (!fault_.empty()) return {.fault = fault_};
    send_result result{.all = true, .duplicates = duplicates_};
    for (std::size_t i = 0; i < batch.blocks.size(); ++i)
      if (refused_.contains(batch.blocks[i].id)) result.too_large.push_back(i);
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string, std::less<>> ids_;
  std::set<std::string, std::less<>> refused_;
  std::uint64_t duplicates_ = 0;
  std::string fault_;
};

awaited& new_awaited() {
  static auto* const all = new std::deque<awaited>;
  return all->emplace_back();
}

void on_ack(jsCtx*, natsMsg* message, jsPubAck* ack, jsPubAckErr* fault, void* user) noexcept {
  auto& waiting = *static_cast<awaited*>(user);
  const char* id = nullptr;
  const bool is_known = natsMsgHeader_Get(message, id_header, &id) == NATS_OK && id != nullptr;
  if (ack == nullptr && is_known && fault != nullptr &&
      fault->ErrCode == JSStreamMessageExceedsMaximumErr) {
    waiting.refuse(id);
  } else if (ack == nullptr) {
    const bool has_text = fault != nullptr && fault->ErrText != nullptr && *fault->ErrText != '\0';
    waiting.fail(has_text           ? fault->ErrText
                 : fault != nullptr ? natsStatus_GetText(fault->Err)
                                    : "not acknowledged");
  } else if (is_known) {
    waiting.take(id, ack->Duplicate);
  }
  natsMsg_Destroy(message);
}

struct options_end {
  void operator()(natsOptions* one) const noexcept { natsOptions_Destroy(one); }
};
struct connection_end {
  void operator()(natsConnection* one) const noexcept { natsConnection_Destroy(one); }
};
struct context_end {
  void operator()(jsCtx* one) const noexcept { jsCtx_Destroy(one); }
};

void check(natsStatus status) {
  if (status == NATS_NO_MEMORY) throw std::bad_alloc();
}

class nats_outlet final : public block_outlet {
 public:
  explicit nats_outlet(const publish_url& url) : url_(url), waiting_(new_awaited()) {}
  ~nats_outlet() override { close(); }

  [[nodiscard]] send_result send_blocks(const block_batch& batch, const may_wait& may) override;

 private:
  [[nodiscard]] natsStatus open();
  [[nodiscard]] natsStatus set_up(natsOptions* options) const;
  [[nodiscard]] natsStatus publish(const block_batch& batch, const block_batch::block& block);
  void close() noexcept {
    context_.reset();
    connection_.reset();
  }

  const publish_url url_;
  awaited& waiting_;
  std::unique_ptr<natsConnection, connection_end> connection_;
  std::unique_ptr<jsCtx, context_end> context_;
};

natsStatus nats_outlet::set_up(natsOptions* options) const {
  std::vector<std::string> servers;
  for (std::string_view rest = url_.servers; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    servers.push_back(fmt::format("{}://{}", url_.tls ? "tls" : "nats", rest.substr(0, comma)));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  std::vector<const char*> names;
  for (const std::string& server : servers) names.push_back(server.c_str());
  natsStatus status = natsOptions_SetServers(options, names.data(), static_cast<int>(names.size()));
  if (status == NATS_OK) status = natsOptions_SetName(options, "tcpinfo-collect");
  if (status == NATS_OK) status = natsOptions_SetTimeout(options, connect_ms);
  if (status == NATS_OK) status = natsOptions_SetWriteDeadline(options, write_ms);
  // The publisher begins anew after a fault, in its own time; and what the library would keep for a
  // server that is away takes memory.
  if (status == NATS_OK) status = natsOptions_SetAllowReconnect(options, false);
  if (status == NATS_OK && url_.tls) status = natsOptions_SetSecure(options, true);
  if (status == NATS_OK && url_.tls && url_.ca != "system")
    status = natsOptions_LoadCATrustedCertificates(options, url_.ca.c_str());
  // The library reads the file whenever it connects.
  if (status == NATS_OK && !url_.credentials.empty())
    status = natsOptions_SetUserCredentialsFromFiles(options, url_.credentials.c_str(), nullptr);
  return status;
}

natsStatus nats_outlet::open() {
  if (context_ != nullptr && natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED)
    return NATS_OK;
  close();
  natsOptions* made = nullptr;
  natsStatus status = natsOptions_Create(&made);
  const std::unique_ptr<natsOptions, options_end> options(made);
  if (status == NATS_OK) status = set_up(options.get());
  natsConnection* connection = nullptr;
  if (status == NATS_OK) status = natsConnection_Connect(&connection, options.get());
  connection_.reset(connection);
  if (status != NATS_OK) return status;
  jsOptions stream;
  status = jsOptions_Init(&stream);
  stream.PublishAsync.AckHandler = on_ack;
  stream.PublishAsync.AckHandlerClosure = &waiting_;
  jsCtx* context = nullptr;
  if (status == NATS_OK) status = natsConnection_JetStream(&context, connection_.get(), &stream);
  context_.reset(context);
  return status;
}

natsStatus nats_outlet::publish(const block_batch& batch, const block_batch::block& block) {
  if (block.size > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return NATS_MAX_PAYLOAD;
  const auto* const bytes = reinterpret_cast<const char*>(batch.bytes_of(block).data());
  natsMsg* message = nullptr;
  natsStatus status =
      natsMsg_Create(&message, url_.path.c_str(), nullptr, bytes, static_cast<int>(block.size));
  if (status == NATS_OK) status = natsMsgHeader_Set(message, id_header, block.id.c_str());
  if (status == NATS_OK)
    status = natsMsgHeader_Set(message, "Tcpinfo-Key", batch.key_of(block).c_str());
  // It takes the message where it succeeds.
  if (status == NATS_OK) status = js_PublishMsgAsync(context_.get(), &message, nullptr);
  natsMsg_Destroy(message);
  return status;
}

send_result nats_outlet::send_blocks(const block_batch& batch, const may_wait& may) {
  waiting_.begin(batch);
  natsStatus status = open();
  for (const auto& block : batch.blocks) {
    // What is behind one that was not taken would overtake it.
    if (status != NATS_OK || waiting_.has_failed()) break;
    if (!may()) {
      close();
      return {.fault = "not all could be sent before the end"};
    }
    status = publish(batch, block);
    // It says what it takes when it greets.
    if (status != NATS_MAX_PAYLOAD) continue;
    waiting_.refuse(block.id.c_str());
    status = NATS_OK;
  }
  send_result result;
  if (status == NATS_OK) {
    result = waiting_.wait(batch, connection_.get(), may);
  } else {
    check(status);
    natsStatus last = NATS_OK;
    const char* const text = nats_GetLastError(&last);
    result.fault = text != nullptr && last == status ? text : natsStatus_GetText(status);
  }
  if (!result.all) close();
  return result;
}

}  // namespace

bool nats_available() noexcept { return true; }

std::unique_ptr<outlet> make_nats_outlet(const publish_url& url, std::string& why) {
  if (!url.ca.empty() && url.ca != "system" && ::access(url.ca.c_str(), R_OK) != 0) {
    why = fmt::format("{}: cannot be read", url.ca);
    return nullptr;
  }
  return std::make_unique<nats_outlet>(url);
}

}  // namespace tcpinfo::collect
