// SPDX-License-Identifier: Apache-2.0
#include "common/text_head.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "common/zstd_magic.h"
#include "unit/catch.h"

using namespace tcpinfo;
using namespace std::string_view_literals;

namespace {

bytes_view bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("text is UTF-8 without control characters") {
  CHECK(looks_like_text(""));
  CHECK(looks_like_text("{\"a\":1}\r\n\tb\v\f"));
  CHECK(looks_like_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const std::string_view bad :
       {"a\0b"sv, "\x1b[1m"sv, "\x7f"sv, "\x80"sv, "\xc0\x80"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv,
        "\xf4\x90\x80\x80"sv, "\xff"sv, "\xc3("sv, "\xe2\x82("sv})
    CHECK_FALSE(looks_like_text(bad));
}

TEST_CASE("a character that is cut at the end counts as whole, if it could be one") {
  const std::string_view whole = "\xf0\x9f\x98\x80";
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CHECK(is_cut_utf8(whole.substr(0, size)));
    CHECK(looks_like_text(std::string("a").append(whole.substr(0, size))));
  }
  CHECK_FALSE(is_cut_utf8(whole));
  CHECK_FALSE(is_cut_utf8("a"));
  CHECK_FALSE(is_cut_utf8("\x80"));
  CHECK_FALSE(looks_like_text("\xe0\x80"));  // overlong, whatever follows
  CHECK_FALSE(looks_like_text("\xf0\x9f("));
}

TEST_CASE("where an object of JSON begins") {
  CHECK(find_object("{\"a\"") == object_start::yes);
  CHECK(find_object("\xef\xbb\xbf \r\n{ \t}") == object_start::yes);
  for (const std::string_view open : {"", " \n", "{", "{ \n", "\xef\xbb\xbf"})
    CHECK(find_object(open) == object_start::open);
  for (const std::string_view no : {"[", "{a", "a{\"", "{{"})
    CHECK(find_object(no) == object_start::no);
  CHECK(may_begin_object("{"));
  CHECK(may_begin_object(""));
  CHECK_FALSE(may_begin_object("{\"\x01"));
  CHECK_FALSE(may_begin_object("[1]"));
}

TEST_CASE("magic numbers of zstd's frames") {
  const std::string_view frame = "\x28\xb5\x2f\xfd", skippable = "\x5a\x2a\x4d\x18";
  CHECK(zstd_magic::is_frame(bytes_of(frame)));
  CHECK_FALSE(zstd_magic::is_skippable(bytes_of(frame)));
  CHECK(zstd_magic::is_skippable(bytes_of(skippable)));
  CHECK_FALSE(zstd_magic::is_frame(bytes_of(skippable)));
  for (std::size_t size = 1; size < 4; ++size) {
    CHECK_FALSE(zstd_magic::is_frame(bytes_of(frame.substr(0, size))));
    CHECK(zstd_magic::may_begin(bytes_of(frame.substr(0, size))));
    CHECK(zstd_magic::may_begin(bytes_of(skippable.substr(0, size))) == (size > 1));
  }
  CHECK_FALSE(zstd_magic::may_begin({}));
  CHECK_FALSE(zstd_magic::may_begin(bytes_of("\x27\xb5\x2f\xfd")));  // zstd before 1.0
}
