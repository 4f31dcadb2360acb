// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/input_context.h"

#include <utility>

#include "offline/inputs/fault.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/owner_text.h"

namespace tcpinfo::offline {

context_pointer context_without_uuid(std::string file) {
  auto context = std::make_shared<input_context>();
  context->file = std::move(file);
  return context;
}

namespace {

std::shared_ptr<input_context> by_name(const std::string& path, const std::string& file) {
  auto context = std::make_shared<input_context>();
  context->file = file;
  archive_name name;
  if (!parse_archive_name(path, name)) {
    context->uuid = name.uuid;
    context->sequence = name.sequence;
    context->partial = name.partial;
  } else {
    // One of another name, .JSONL.ZST or .jsonl.gz.
    const name_parts parts = take_apart(base_name(path));
    const std::string usual = std::string(parts.stem) + ".jsonl";
    context->partial = parts.partial;
    if (parts.lines && !parse_archive_name(usual, name)) {
      context->uuid = name.uuid;
      context->sequence = name.sequence;
    } else {
      context->uuid = parts.stem;
    }
  }
  if (!context->uuid.empty()) context->source = uuid_source::file_name;
  return context;
}

}  // namespace

context_pointer context_of_name(const std::string& path, const std::string& file) {
  // A segment holds many connections, and its name is none's.
  const bool nameless = path == stdin_path || take_apart(base_name(path)).segment;
  return nameless ? context_without_uuid(file) : by_name(path, file);
}

context_pointer context_of_archive(const std::string& path, const std::string& file) {
  auto context = by_name(path, file);
  context->in_segment = true;
  context->archive = path;
  return context;
}

context_pointer context_with_doubt(const input_context& before) {
  auto context = std::make_shared<input_context>();
  context->file = before.file;
  context->big_endian = before.big_endian;
  context->in_segment = before.in_segment;
  context->archive = before.archive;
  return context;
}

context_pointer context_of_metadata(const input_context& before, const metadata& said) {
  auto context = std::make_shared<input_context>(before);
  if (!said.uuid.empty()) {
    context->uuid = said.uuid;
    context->source = uuid_source::metadata;
  }
  context->sequence = said.sequence;
  context->start_time = said.start_time;
  context->opened = said.opened;
  context->host = said.host;
  context->kernel = said.kernel;
  context->run = said.run;
  context->interval = said.interval;
  context->netns = said.netns;
  context->owner = owner_text(said);
  context->big_endian = said.byte_order == "big";
  context->layout = layout_of_kernel(said.kernel);
  return context;
}

}  // namespace tcpinfo::offline
