// SPDX-License-Identifier: Apache-2.0
//
// Answers kept by a BPF program on the socket that asks (bpf/answers.bpf.c).
#include <bpf/libbpf.h>

#include <cerrno>
#include <utility>

#include "collect/os/bpf_log.h"
#include "collect/sampling/events/bpf/answers.h"
#include "collect/sampling/events/bpf/answers.skel.h"
#include "collect/sampling/kept_answers.h"
#include "common/message_of.h"

namespace tcpinfo::collect {
namespace {

struct answers_deleter {
  void operator()(answers_bpf* program) const noexcept { answers_bpf__destroy(program); }
};

class bpf_answers final : public kept_answers {
 public:
  explicit bpf_answers(std::unique_ptr<answers_bpf, answers_deleter> program) noexcept
      : program_(std::move(program)) {}

  answer_area area() const noexcept override {
    answer_area shared;
    shared.filter = bpf_program__fd(program_->progs.keep_answer);
    shared.capacity = TCPINFO_ANSWERS_BYTES;
    shared.bytes = reinterpret_cast<const std::byte*>(program_->bss->answers);
    shared.used = const_cast<std::uint32_t*>(&program_->data->used);
    return shared;
  }

 private:
  const std::unique_ptr<answers_bpf, answers_deleter> program_;
};

}  // namespace

std::unique_ptr<kept_answers> make_kept_answers(std::string& why, std::uint32_t room) {
  silence_libbpf();
  std::unique_ptr<answers_bpf, answers_deleter> program(answers_bpf__open());
  if (program != nullptr) program->rodata->room = room;
  const int error = program == nullptr ? -errno : answers_bpf__load(program.get());
  if (error == 0) return std::make_unique<bpf_answers>(std::move(program));
  why = "BPF: " + message_of(-error);
  return nullptr;
}

}  // namespace tcpinfo::collect
