// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/archive_path.h"

#include "collect/writing/file_names.h"

namespace tcpinfo::collect {

std::string_view archive_path::uuid_of(const flow_archive& flow) {
  return {uuid_, format_uuid(prefixes_.get(flow.prefix), flow.cookie, uuid_)};
}

void archive_path::set(const flow_archive& flow) {
  char relative[max_archive_path_size];
  std::size_t folder_size = 0;
  const std::size_t size =
      format_archive_path(timestamp::from_unix_nanoseconds(flow.file_date_ns), uuid_of(flow),
                          flow.sequence, relative, &folder_size);
  complete_.assign(output_).append("/").append(relative, size);
  folder_.assign(complete_, 0, complete_.size() - size + folder_size);
  part_.assign(complete_).append(part_suffix);
}

}  // namespace tcpinfo::collect
