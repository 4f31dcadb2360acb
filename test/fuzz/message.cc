// SPDX-License-Identifier: Apache-2.0
//
// A netlink message of any content: walking its attributes stays inside it, and the line written
// from it reads back to the same header and attributes.
#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz.h"

namespace {

bool same(tcpinfo::bytes_view a, tcpinfo::bytes_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  const tcpinfo::bytes_view bytes = std::as_bytes(std::span(copy));
  tcpinfo::message m;
  if (tcpinfo::message::from(bytes, m)) {
    FUZZ_CHECK(size < tcpinfo::wire::inet_diag_msg_size);
    return 0;
  }
  std::size_t walked = 0;
  std::size_t secrets = 0;
  for (auto it = m.attributes().begin(); it != m.attributes().end(); ++it) {
    walked += it->payload.size() + tcpinfo::wire::attribute_header_size;
    if (it->is(tcpinfo::attribute_type::md5sig)) ++secrets;
  }
  FUZZ_CHECK(walked <= size - tcpinfo::wire::inet_diag_msg_size);

  std::string line(tcpinfo::max_record_size(m), '\0');
  std::size_t n = 0;
  tcpinfo::encode_notes notes;
  FUZZ_CHECK(!tcpinfo::encode_record(line, n, {}, m, size, &notes));
  FUZZ_CHECK(notes.secrets == secrets);
  FUZZ_CHECK((notes.unread_bytes == 0) == m.attributes().well_formed());
  line.resize(n);
  tcpinfo::record r;
  FUZZ_CHECK(!r.parse(line));
  FUZZ_CHECK(r.poll() == size);
  FUZZ_CHECK(same(r.idm(), m.header()));
  std::size_t present = 0;
  for (std::size_t type = 0; type < r.attribute_count(); ++type) {
    tcpinfo::bytes_view payload;
    const auto original = m.find(static_cast<tcpinfo::attribute_type>(type));
    if (!r.attribute(type, payload)) {
      FUZZ_CHECK(!original || type == 18);
      continue;
    }
    ++present;
    FUZZ_CHECK(original && same(*original, payload));
  }
  std::size_t kept = 0;
  for (auto it = m.attributes().begin(); it != m.attributes().end(); ++it) {
    FUZZ_CHECK(it->type < r.attribute_count() || it->is(tcpinfo::attribute_type::md5sig));
    ++kept;
  }
  FUZZ_CHECK(kept >= present + secrets);
  return 0;
}
