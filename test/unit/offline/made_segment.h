// SPDX-License-Identifier: Apache-2.0
//
// Segments made by hand, block by block.
#ifndef TCPINFO_TEST_UNIT_OFFLINE_MADE_SEGMENT_H
#define TCPINFO_TEST_UNIT_OFFLINE_MADE_SEGMENT_H

#include <tcpinfo/segment.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

class made_segment {
 public:
  made_segment() { require(writer_.create({})); }

  /// What the first line of that archive says; else it has none.
  made_segment& about(const std::string& path, const tcpinfo::metadata& m) {
    archives_[path].about = m;
    archives_[path].has_about = true;
    return *this;
  }
  /// Goes on in that archive, or begins it.
  made_segment& add(const std::string& path, const tcpinfo::timestamp& time,
                    const tcpinfo::message& m, const tcpinfo::record_extras& extras = {}) {
    require(writer_.add(number_of(path), time, m, extras));
    return *this;
  }
  made_segment& line(const std::string& path, std::string_view text) {
    require(writer_.add_line(number_of(path), text));
    return *this;
  }
  /// Ends the block.
  made_segment& block() {
    tcpinfo::bytes_view frame;
    require(writer_.flush(frame));
    blocks_.push_back(text_of(frame));
    for (auto& [path, a] : archives_) a.in_block = false;
    return *this;
  }

  /// The blocks, a frame each; the latest ends with it.
  const std::vector<std::string>& blocks() {
    if (writer_.waiting() != 0) block();
    return blocks_;
  }
  /// All of the segment.
  std::string text() {
    std::string all;
    for (const std::string& b : blocks()) all += b;
    tcpinfo::bytes_view index;
    require(writer_.finish(index));
    return all + text_of(index);
  }

 private:
  struct archive {
    tcpinfo::metadata about;
    bool has_about = false;
    bool begun = false;
    bool in_block = false;
    std::uint32_t number = 0;
  };

  static void require(const std::error_code& ec) {
    if (ec) std::abort();
  }
  static std::string text_of(tcpinfo::bytes_view bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::uint32_t number_of(const std::string& path) {
    archive& a = archives_[path];
    if (a.in_block) return a.number;
    tcpinfo::segment_archive begun;
    if (a.has_about) begun.about = &a.about;
    begun.path = path;
    begun.goes_on = a.begun ? 1 : 0;
    require(writer_.begin(begun, a.number));
    a.begun = a.in_block = true;
    return a.number;
  }

  tcpinfo::segment_writer writer_;
  std::map<std::string, archive> archives_;
  std::vector<std::string> blocks_;
};

#endif
