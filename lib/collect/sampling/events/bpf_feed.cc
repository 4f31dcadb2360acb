// SPDX-License-Identifier: Apache-2.0
//
// Loads the BPF programs (bpf/activity.bpf.c), once for all network namespaces, and reads the ring
// buffer of each.
#include "collect/sampling/events/bpf_feed.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include "collect/os/bpf_access.h"
#include "collect/os/descriptor.h"
#include "collect/os/time_namespace.h"
#include "collect/sampling/events/bpf/activity.h"
#include "collect/sampling/events/bpf/activity.skel.h"
#include "common/message_of.h"

namespace tcpinfo::collect {
namespace {

// In the collector's own network namespace: room for the activity of some 29,000 sockets. With more
// in a tick a dump is cheaper than a query of each.
constexpr std::uint32_t first_ring_bytes = std::uint32_t{2} << 20;
// In others, of which there may be hundreds: it is the kernel's memory.
constexpr std::uint32_t other_ring_bytes = std::uint32_t{256} << 10;

struct feed_deleter {
  void operator()(activity_bpf* program) const noexcept { activity_bpf__destroy(program); }
};

/// Loaded and attached, as long as anybody needs it.
struct attached_program {
  std::unique_ptr<activity_bpf, feed_deleter> skeleton;
  std::mutex mutex;
  std::vector<bool> taken = std::vector<bool>(TCPINFO_FOLLOWED_NAMESPACES);
  std::atomic<std::uint32_t> latest_tick = 0;     // of all namespaces
  std::atomic<std::uint64_t> taken_activity = 0;  // in all of them

  // All slots share the numbers: a slot that another namespace gets never has a tick of the one
  // before.
  std::uint32_t begin_tick(std::uint32_t slot) noexcept {
    const std::uint32_t tick = latest_tick.fetch_add(1, std::memory_order_relaxed) + 1;
    std::atomic_ref<__u32>(const_cast<__u32&>(skeleton->bss->ticks[slot]))
        .store(tick, std::memory_order_seq_cst);
    return tick;
  }
};

socket_id id_of(const tcpinfo_activity& m) noexcept {
  socket_id id;
  id.src.family = id.dst.family = static_cast<address_family>(m.family);
  std::memcpy(id.src.bytes.data(), m.src, sizeof m.src);
  std::memcpy(id.dst.bytes.data(), m.dst, sizeof m.dst);
  id.sport = m.sport;
  std::uint8_t dport[2];
  std::memcpy(dport, &m.dport, sizeof dport);
  id.dport = static_cast<std::uint16_t>(dport[0] << 8U | dport[1]);
  id.interface = m.interface;
  id.cookie = m.cookie;
  return id;
}

class bpf_feed final : public activity_feed {
 public:
  bpf_feed(std::shared_ptr<attached_program> program, bool is_first) noexcept
      : program_(std::move(program)), is_first_(is_first) {}
  ~bpf_feed() override {
    ring_buffer__free(reader_);
    if (slot_ == none) return;
    const std::lock_guard lock(program_->mutex);
    const activity_bpf& s = *program_->skeleton;
    (void)bpf_map_delete_elem(bpf_map__fd(s.maps.slots), &netns_);
    (void)bpf_map_delete_elem(bpf_map__fd(s.maps.rings), &slot_);
    (void)program_->begin_tick(slot_);
    program_->taken[slot_] = false;
  }

  /// In the caller's network namespace. False, and `why`, where that cannot be.
  [[nodiscard]] bool open(std::uint32_t ring_bytes, std::string& why);

  std::uint32_t begin_tick() noexcept override { return program_->begin_tick(slot_); }
  void take(activity_sink& sink) noexcept override {
    sink_ = &sink;
    const int taken = ring_buffer__consume(reader_);
    if (taken > 0)
      program_->taken_activity.fetch_add(static_cast<std::uint64_t>(taken),
                                         std::memory_order_relaxed);
  }
  std::uint64_t dropped() const noexcept override { return all_dropped() - dropped_before_; }
  activity_totals totals() const noexcept override {
    if (!is_first_) return {};
    return {program_->taken_activity.load(std::memory_order_relaxed), missed()};
  }
  void mute(bool muted) noexcept override { program_->skeleton->bss->muted[slot_] = muted ? 1 : 0; }
  int descriptor() const noexcept override { return ring_.get(); }
  void wake_on_next(bool wanted) noexcept override {
    std::atomic_ref<__u8> waiting(const_cast<__u8&>(program_->skeleton->bss->waiting[slot_]));
    waiting.store(wanted ? 1 : 0, std::memory_order_seq_cst);
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  static int on_sample(void* self, void* bytes, std::size_t size) noexcept {
    tcpinfo_activity from;
    if (size < sizeof from) return 0;
    std::memcpy(&from, bytes, sizeof from);
    activity told;
    told.id = id_of(from);
    told.tick = from.tick;
    told.state = from.state;
    told.state_changed = (from.flags & TCPINFO_ACTIVITY_STATE) != 0;
    auto* const feed = static_cast<bpf_feed*>(self);
    told.time_ns = static_cast<std::int64_t>(from.time_ns) + feed->clock_offset_ns_;
    feed->sink_->on_activity(told);
    return 0;
  }
  [[nodiscard]] std::uint64_t all_dropped() const noexcept {
    return *const_cast<const volatile __u64*>(&program_->skeleton->bss->dropped[slot_]);
  }

  // Events of which the kernel did not run a program. Without on_transmission: that sees packets of
  // all protocols, so that its misses need not be TCP's.
  [[nodiscard]] std::uint64_t missed() const noexcept {
    const activity_bpf& all = *program_->skeleton;
    std::uint64_t sum = 0;
    for (bpf_program* one = nullptr; (one = bpf_object__next_program(all.obj, one)) != nullptr;) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      if (one != all.progs.on_transmission && bpf_program__fd(one) >= 0 &&
          bpf_obj_get_info_by_fd(bpf_program__fd(one), &info, &size) == 0)
        sum += info.recursion_misses;
    }
    return sum;
  }

  const std::shared_ptr<attached_program> program_;
  const bool is_first_;
  const std::int64_t clock_offset_ns_ = monotonic_offset_ns();
  std::uint32_t slot_ = none;
  std::uint32_t netns_ = 0;  // its inode number
  collect::descriptor ring_;
  ring_buffer* reader_ = nullptr;
  activity_sink* sink_ = nullptr;
  std::uint64_t dropped_before_ = 0;
};

bool bpf_feed::open(std::uint32_t ring_bytes, std::string& why) {
  struct ::stat netns {};
  if (::stat("/proc/thread-self/ns/net", &netns) != 0) {
    why = "cannot tell the network namespace: " + message_of(errno);
    return false;
  }
  netns_ = static_cast<std::uint32_t>(netns.st_ino);
  ring_.reset(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tcpinfo_active", 0, 0, ring_bytes, nullptr));
  if (ring_) reader_ = ring_buffer__new(ring_.get(), on_sample, this, nullptr);
  if (reader_ == nullptr) {
    why = "cannot make a ring buffer: " + message_of(errno);
    return false;
  }
  const std::lock_guard lock(program_->mutex);
  const auto free = std::find(program_->taken.begin(), program_->taken.end(), false);
  if (free == program_->taken.end()) {
    why = fmt::format("{} network namespaces are followed already", TCPINFO_FOLLOWED_NAMESPACES);
    return false;
  }
  const auto slot = static_cast<std::uint32_t>(free - program_->taken.begin());
  const activity_bpf& s = *program_->skeleton;
  const int fd = ring_.get();
  s.bss->muted[slot] = 1;
  s.bss->waiting[slot] = 0;
  (void)program_->begin_tick(slot);
  if (bpf_map_update_elem(bpf_map__fd(s.maps.rings), &slot, &fd, BPF_ANY) != 0 ||
      bpf_map_update_elem(bpf_map__fd(s.maps.slots), &netns_, &slot, BPF_NOEXIST) != 0) {
    why = errno == EEXIST ? "this network namespace is followed already"
                          : "cannot use a ring buffer: " + message_of(errno);
    (void)bpf_map_delete_elem(bpf_map__fd(s.maps.rings), &slot);
    return false;
  }
  *free = true;
  slot_ = slot;
  dropped_before_ = all_dropped();
  return true;
}

class bpf_feed_maker final : public feed_maker {
 public:
  explicit bpf_feed_maker(std::shared_ptr<attached_program> program)
      : program_(std::move(program)) {}

  std::unique_ptr<activity_feed> make(std::string& why) override {
    auto made = std::make_unique<bpf_feed>(program_, first_);
    const std::uint32_t ring_bytes = first_ ? first_ring_bytes : other_ring_bytes;
    if (!made->open(ring_bytes, why)) return nullptr;
    first_ = false;
    return made;
  }

 private:
  const std::shared_ptr<attached_program> program_;
  bool first_ = true;
};

// Every socket of the machine, of whatever kind, hits some tracepoints. Programs use those only
// where this kernel lacks the ones of TCP that tell the same.
void leave_out_needless(const activity_bpf& s) noexcept {
  const auto only_without = [](bpf_program* general, const bpf_program* better) {
    if (bpf_program__autoload(better)) (void)bpf_program__set_autoload(general, false);
  };
  only_without(s.progs.on_send, s.progs.on_send_locked);
  only_without(s.progs.on_read, s.progs.on_read_space);
  // on_segment tells of received data, or on_transmission of its acknowledgement.
  only_without(s.progs.on_data, s.progs.on_transmission);
}

// Which programs to try: verifiers of other kernels may refuse one that ours takes, and some
// activity is better than none.
enum class extent {
  all,
  without_packets,  // verifiers before 6.x take no socket that was found by way of a packet
  least,            // segments received, and changes of state
};

// Loads and attaches what this kernel has tracepoints for. Null, and `why`, where it does not work.
std::shared_ptr<attached_program> load_feed(const btf* kernel, extent which, std::string& why) {
  auto program = std::make_shared<attached_program>();
  program->skeleton.reset(activity_bpf__open());
  if (program->skeleton == nullptr) {
    why = "cannot read the BPF program: " + message_of(errno);
    return nullptr;
  }
  activity_bpf& s = *program->skeleton;
  for (bpf_program* one = nullptr; (one = bpf_object__next_program(s.obj, one)) != nullptr;) {
    const bool wanted =
        which != extent::least || one == s.progs.on_state || one == s.progs.on_segment;
    (void)bpf_program__set_autoload(one, wanted && has_tracepoint(kernel, one));
  }
  if (which == extent::without_packets)
    (void)bpf_program__set_autoload(s.progs.on_transmission, false);
  leave_out_needless(s);
  // Without these two no event would tell of connections that open, or of data that come.
  if (!bpf_program__autoload(s.progs.on_state) || !bpf_program__autoload(s.progs.on_segment)) {
    why = "this kernel has no tracepoints inet_sock_set_state and tcp_probe";
    return nullptr;
  }
  int error = activity_bpf__load(&s);
  if (error == 0) error = activity_bpf__attach(&s);
  if (error == 0) return program;
  why = "BPF: " + message_of(-error);
  return nullptr;
}

}  // namespace

std::unique_ptr<feed_maker> make_bpf_feed_maker(std::string& why) {
  const auto kernel = find_kernel_types(why);
  if (kernel == nullptr) return nullptr;
  why.clear();
  std::string why_not_all;
  for (const extent which : {extent::all, extent::without_packets, extent::least}) {
    if (auto program = load_feed(kernel.get(), which, why_not_all)) {
      if (which == extent::without_packets) why = "packets sent are not marked: " + why_not_all;
      if (which == extent::least)
        why = "only segments received and changes of state are marked: " + why_not_all;
      return std::make_unique<bpf_feed_maker>(std::move(program));
    }
  }
  why = why_not_all;
  return nullptr;
}

}  // namespace tcpinfo::collect
