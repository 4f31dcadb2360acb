// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/former_files.h"

#include <tcpinfo/archive.h>

#include <algorithm>
#include <cstdint>

#include "collect/writing/day_folders.h"
#include "collect/writing/file_names.h"
#include "common/sequences.h"

namespace tcpinfo::collect {

void former_files::resume(flow_archive& flow, const snapshot_header& first, std::string_view uuid) {
  // What is in segments of earlier runs is not known. None of their archives has a sequence that is
  // given from here on.
  const bool doubtful = earlier_.may_be_in_segments(first.cookie);
  const std::uint64_t from = doubtful ? earlier_.run_number() * sequences_of_a_run : 0;
  // The index has the files of the prefix that the collector began with.
  const known_files* files = first.prefix == 0 ? earlier_.find(first.cookie) : nullptr;
  if (doubtful) flow.sequence = from;
  if (files == nullptr) return;
  flow.sequence = std::max(from, files->highest + 1);
  read_start(*files, uuid, flow);
  // Of segments the last message cannot be had, and that of an older file is not the last.
  if (first.kind == snapshot_kind::final && !doubtful) keep_last(*files, uuid);
}

// The file may be complete, or still on its way to be.
descriptor former_files::open(const known_files& files, std::string_view uuid) {
  char relative[max_archive_path_size];
  const std::size_t size =
      format_archive_path(timestamp::from_unix_nanoseconds(begin_of(files.highest_date)), uuid,
                          files.highest, relative, nullptr);
  const std::string path = output_ + "/" + std::string(relative, size);
  descriptor file;
  // Once more after .part: it may be finalized between the two looks.
  if (system_.open_read(path, file) && system_.open_read(path + std::string(part_suffix), file) &&
      system_.open_read(path, file))
    return descriptor();
  return file;
}

// Its StartTime and Opened.
void former_files::read_start(const known_files& files, std::string_view uuid, flow_archive& flow) {
  const descriptor file = open(files, uuid);
  archive_reader reader;
  if (!file || reader.open_fd(file.get())) return;
  record first;
  bool more = false;
  metadata found;
  if (reader.next(first, more) || !more || !first.get_metadata(found)) return;
  flow.first_seen = found.start_time;
  if (flow.opened.is_zero()) flow.opened = found.opened;
}

// Where the last message cannot be had the final one is recorded as it is.
void former_files::keep_last(const known_files& files, std::string_view uuid) {
  const descriptor file = open(files, uuid);
  archive_reader reader;
  if (!file || reader.open_fd(file.get()) || last_.reset({})) return;
  record one;
  flow_update last;
  bool more = true;
  for (std::int64_t number = 1; !reader.next(one, more) && more; ++number)
    if (one.has_idm() && !last_.update(one.view(), number, last)) (void)last_.commit(last);
}

bytes_view former_files::completed(snapshot_header& header, bytes_view final) {
  flow_update update;
  message last;
  if (header.kind != snapshot_kind::final || !last_.find(header.cookie, last) ||
      last_.destroyed({final}, 0, update) || update.reused != 0)
    return final;
  last_.erase(header.cookie);
  if ((update.carried & attribute_bit(attribute_type::info)) != 0) counts_.cleared_finals.add();
  header.carried = update.carried;
  return update.current.bytes;
}

}  // namespace tcpinfo::collect
