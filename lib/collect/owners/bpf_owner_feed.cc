// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/bpf_owner_feed.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "collect/os/bpf_access.h"
#include "collect/os/descriptor.h"
#include "collect/os/thread.h"
#include "collect/owners/bpf/owners.h"
#include "collect/owners/bpf/owners.skel.h"
#include "common/message_of.h"

namespace tcpinfo::collect {
namespace {

struct owners_deleter {
  void operator()(owners_bpf* program) const noexcept { owners_bpf__destroy(program); }
};
using skeleton_pointer = std::unique_ptr<owners_bpf, owners_deleter>;

owner_found found_of(unsigned char how) noexcept {
  switch (how) {
    case TCPINFO_OWNER_CONNECT:
      return owner_found::connect;
    case TCPINFO_OWNER_ACCEPT:
      return owner_found::accept;
    case TCPINFO_OWNER_IO:
      return owner_found::io;
    case TCPINFO_OWNER_LISTENER:
      return owner_found::listener;
    case TCPINFO_OWNER_ITER:
      return owner_found::iter;
    default:
      return owner_found::nowhere;
  }
}

process_owner owner_of(const tcpinfo_owner& told) {
  process_owner owner;
  owner.how = found_of(told.how);
  owner.pid = told.pid;
  owner.start_ns = told.start_ns;
  owner.cgroup = told.cgroup;
  owner.comm.assign(told.comm, strnlen(told.comm, sizeof told.comm));
  return owner;
}

class bpf_owner_feed final : public owner_feed {
 public:
  bpf_owner_feed(skeleton_pointer skeleton, bool knows_older)
      : skeleton_(std::move(skeleton)),
        owners_(bpf_map__fd(skeleton_->maps.owners)),
        knows_older_(knows_older) {}
  ~bpf_owner_feed() override {
    ends_ = true;
    if (thread_.joinable()) thread_.join();
    ring_buffer__free(ring_);
  }

  std::optional<process_owner> find(std::uint64_t cookie) override {
    tcpinfo_owner told;
    if (bpf_map_lookup_elem(owners_, &cookie, &told) != 0) return std::nullopt;
    return owner_of(told);
  }
  bool knows_older() const noexcept override { return knows_older_; }
  // Without it processes are looked at a little later, when their connections are.
  void tell_processes(std::function<void(const process_owner&)> on_process) override {
    on_process_ = std::move(on_process);
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.processes), on_sample, this, nullptr);
    if (ring_ != nullptr) (void)start_thread([this] { run(); }, thread_);
  }

 private:
  static int on_sample(void* self, void* bytes, std::size_t size) noexcept {
    tcpinfo_owner told;
    if (size < sizeof told) return 0;
    std::memcpy(&told, bytes, sizeof told);
    try {
      static_cast<bpf_owner_feed*>(self)->on_process_(owner_of(told));
    } catch (const std::exception&) {
      // It is looked at later.
    }
    return 0;
  }
  void run() noexcept {
    name_this_thread("tcpinfo-owners");
    // A process may end as soon as its connection does.
    go_first(true);
    constexpr int pause_ms = 200;
    while (!ends_) (void)ring_buffer__poll(ring_, pause_ms);
  }

  const skeleton_pointer skeleton_;
  const int owners_;
  const bool knows_older_;
  std::function<void(const process_owner&)> on_process_;
  ring_buffer* ring_ = nullptr;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

// Runs the iterator to its end: it prints nothing.
bool go_through_files(const owners_bpf& s) {
  bpf_link* const link = bpf_program__attach_iter(s.progs.on_file, nullptr);
  if (link == nullptr) return false;
  const descriptor run(bpf_iter_create(bpf_link__fd(link)));
  bool done = static_cast<bool>(run);
  char none[64];
  while (done) {
    const ssize_t n = ::read(run.get(), none, sizeof none);
    if (n == 0) break;
    if (n < 0 && errno != EINTR && errno != EAGAIN) done = false;
  }
  bpf_link__destroy(link);
  return done;
}

// Which programs to try: kernels refuse the last two where the others work.
struct owner_programs {
  bool accept;
  bool files;
};

skeleton_pointer load_owner_feed(const btf* kernel, owner_programs which, std::string& why) {
  skeleton_pointer skeleton(owners_bpf__open());
  if (skeleton == nullptr) {
    why = "cannot read the BPF program: " + message_of(errno);
    return nullptr;
  }
  owners_bpf& s = *skeleton;
  bpf_program* const by_tracepoint[] = {s.progs.on_state, s.progs.on_send_locked, s.progs.on_send,
                                        s.progs.on_read};
  for (bpf_program* const one : by_tracepoint)
    (void)bpf_program__set_autoload(one, has_tracepoint(kernel, one));
  // Every socket of the machine hits this one.
  if (bpf_program__autoload(s.progs.on_send_locked))
    (void)bpf_program__set_autoload(s.progs.on_send, false);
  (void)bpf_program__set_autoload(s.progs.on_accept, which.accept);
  (void)bpf_program__set_autoload(s.progs.on_file, which.files);
  if (!bpf_program__autoload(s.progs.on_state)) {
    why = "this kernel has no tracepoint inet_sock_set_state";
    return nullptr;
  }
  int error = owners_bpf__load(&s);
  if (error == 0) {
    // It is run by hand.
    (void)bpf_program__set_autoattach(s.progs.on_file, false);
    error = owners_bpf__attach(&s);
  }
  if (error == 0) return skeleton;
  why = "BPF: " + message_of(-error);
  return nullptr;
}

}  // namespace

std::unique_ptr<owner_feed> make_bpf_owner_feed(std::string& why) {
  const auto kernel = find_kernel_types(why);
  if (kernel == nullptr) return nullptr;
  std::string refusal;
  for (const owner_programs which : {owner_programs{true, true}, owner_programs{false, true},
                                     owner_programs{true, false}, owner_programs{false, false}}) {
    skeleton_pointer skeleton = load_owner_feed(kernel.get(), which, refusal);
    if (skeleton == nullptr) continue;
    const bool knows_older = which.files && go_through_files(*skeleton);
    why.clear();
    if (!which.accept) why = "the kernel does not tell who accepts";
    if (!knows_older) {
      if (!why.empty()) why += "; ";
      why += "open files cannot be gone through";
    }
    return std::make_unique<bpf_owner_feed>(std::move(skeleton), knows_older);
  }
  why = refusal;
  return nullptr;
}

}  // namespace tcpinfo::collect
