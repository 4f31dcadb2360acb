// SPDX-License-Identifier: Apache-2.0
//
// The interface for C: fields and decoding against the interface for C++, errors in words, and
// wrong use of every function.
#include <tcpinfo/c.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/version.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "unit/c/golden_archive.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

std::string error_text(int result) {
  std::string text(tcpinfo_error_text(result, nullptr, 0) + 1, '#');
  REQUIRE(tcpinfo_error_text(result, text.data(), text.size()) == text.size() - 1);
  REQUIRE(text.back() == '\0');
  text.pop_back();
  return text;
}

tcpinfo_message as_c(const message& m) { return {m.bytes.data(), m.bytes.size()}; }

struct held_snapshot {
  tcpinfo_snapshot* handle = nullptr;
  held_snapshot() { REQUIRE(tcpinfo_snapshot_new(&handle) == 0); }
  ~held_snapshot() { tcpinfo_snapshot_free(handle); }
  held_snapshot(const held_snapshot&) = delete;
  held_snapshot& operator=(const held_snapshot&) = delete;
};

int never(void* /*user*/, const tcpinfo_message* /*message*/) { return 0; }
int never_record(void* /*user*/, int /*result*/, const tcpinfo_record* /*record*/) { return 0; }
int never_event(void* /*user*/, int /*result*/, const tcpinfo_event* /*event*/) { return 0; }

}  // namespace

TEST_CASE("C: errors in words") {
  CHECK(error_text(0) == "success");
  CHECK(error_text(1) == "success");
  CHECK(error_text(-ENOENT) == std::system_category().message(ENOENT));
  CHECK(error_text(TCPINFO_E_BAD_JSON) == make_error_code(errc::bad_json).message());
  CHECK(error_text(TCPINFO_E_UNKNOWN_FIELD) == "no such field");
  CHECK(error_text(TCPINFO_E_WRONG_TYPE) == "field of another type");
  CHECK(error_text(TCPINFO_E_FOREIGN_BYTE_ORDER).find("byte order") != std::string::npos);
  // Each enumerator has words of its own.
  for (int e = TCPINFO_E_UNKNOWN_FEATURE; e <= TCPINFO_E_MESSAGE_TOO_SHORT; ++e)
    CHECK(error_text(e).find("unknown") == std::string::npos);
  char cut[5] = "####";
  CHECK(tcpinfo_error_text(0, cut, sizeof cut) == 7);
  CHECK(std::string_view(cut) == "succ");
  CHECK(tcpinfo_version() == version_string());
  CHECK(tcpinfo_version_number() == TCPINFO_VERSION_NUMBER);
}

TEST_CASE("C: the table of fields is that of C++") {
  REQUIRE(tcpinfo_field_count() == field_count());
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor known = field_at(i);
    tcpinfo_field field;
    TCPINFO_INIT(field);
    REQUIRE(tcpinfo_field_at(i, &field) == 0);
    CHECK(field.id == static_cast<std::uint32_t>(known.id()));
    CHECK(field.group == static_cast<std::uint32_t>(known.group()));
    CHECK(field.type == static_cast<std::uint32_t>(known.type()));
    CHECK((field.has_sentinel == 1) == known.sentinel().has_value());
    if (known.sentinel()) CHECK(field.sentinel == *known.sentinel());
    // As texts of C: they end where the views do.
    CHECK(field.name == known.name());
    CHECK(field.csv_name == known.csv_name());
    CHECK(field.group_name == group_name(known.group()));
    CHECK(field.unit_name == unit_name(known.unit()));
    CHECK(field.first_kernel == known.first_kernel());
    CHECK(field.meaning == known.meaning());

    tcpinfo_field same;
    TCPINFO_INIT(same);
    REQUIRE(tcpinfo_field_by_id(field.id, &same) == 0);
    CHECK(same.csv_name == known.csv_name());
    REQUIRE(tcpinfo_field_by_name(field.csv_name, &same) == 0);
    CHECK(same.id == field.id);
    // Two layouts of one word of tcp_info may share a name in the group; the first one is found.
    const std::string in_group = std::string(field.group_name) + '.' + field.name;
    REQUIRE(tcpinfo_field_by_name(in_group.c_str(), &same) == 0);
    CHECK(same.name == known.name());
    CHECK(same.group == field.group);
  }
  for (std::uint32_t state = 0; state <= 260; ++state) {
    const std::string_view wanted =
        state < 256 ? state_name(static_cast<std::uint8_t>(state)) : std::string_view();
    CHECK(tcpinfo_state_name(state) == wanted);
  }
}

TEST_CASE("C: every value of a message is that of C++") {
  made_socket made;
  for (std::size_t i = 0; i < made.info.size(); ++i) made.info[i] = static_cast<char>(i * 37 + 11);
  made.src = "fd00::1";
  made.dst = "fd00::2";
  const message m = made.view();
  const auto layout = GENERATE(info_layout::unknown, info_layout::a, info_layout::b);
  snapshot wanted;
  REQUIRE_FALSE(wanted.decode(m, layout));
  const tcpinfo_message c = as_c(m);
  const held_snapshot held;
  REQUIRE(tcpinfo_snapshot_decode(held.handle, &c, static_cast<std::uint32_t>(layout)) == 0);
  std::size_t numbers = 0;
  std::size_t absent = 0;
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor known = field_at(i);
    const auto id = static_cast<std::uint32_t>(known.id());
    std::uint64_t number = 99;
    const char* text = nullptr;
    std::size_t size = 0;
    tcpinfo_address address{};
    const int as_number = tcpinfo_snapshot_value(held.handle, id, &number);
    const int as_text = tcpinfo_snapshot_text(held.handle, id, &text, &size);
    const int as_address = tcpinfo_snapshot_address(held.handle, id, &address);
    switch (known.type()) {
      case field_type::text: {
        CHECK(as_number == TCPINFO_E_WRONG_TYPE);
        CHECK(as_address == TCPINFO_E_WRONG_TYPE);
        const auto is = wanted.text(known.id());
        REQUIRE(as_text == (is ? 1 : 0));
        if (is) CHECK(std::string_view(text, size) == *is);
        break;
      }
      case field_type::address: {
        CHECK(as_number == TCPINFO_E_WRONG_TYPE);
        CHECK(as_text == TCPINFO_E_WRONG_TYPE);
        REQUIRE(as_address == 1);
        const auto is = wanted.address(known.id());
        REQUIRE(is);
        CHECK(address.family == AF_INET6);
        CHECK(std::memcmp(address.bytes, is->bytes.data(), 16) == 0);
        break;
      }
      default: {
        CHECK(as_text == TCPINFO_E_WRONG_TYPE);
        CHECK(as_address == TCPINFO_E_WRONG_TYPE);
        const auto is = wanted.value(known.id());
        REQUIRE(as_number == (is ? 1 : 0));
        CHECK(number == is.value_or(99));
        ++(is ? numbers : absent);
        std::uint64_t by_name = 99;
        const std::string name(known.csv_name());
        CHECK(tcpinfo_snapshot_value_of(held.handle, name.c_str(), &by_name) == as_number);
        CHECK(by_name == number);
        break;
      }
    }
  }
  CHECK(numbers > 60);
  CHECK(absent > 20);
  for (std::uint32_t group = 0; group < 256; ++group)
    CHECK(tcpinfo_snapshot_has_group(held.handle, group) ==
          (wanted.has(static_cast<field_group>(group)) ? 1 : 0));

  tcpinfo_socket_id id{};
  REQUIRE(tcpinfo_message_id(&c, &id) == 0);
  CHECK(id.sport == m.sport());
  CHECK(id.dport == m.dport());
  CHECK(id.cookie == m.cookie());
  CHECK(std::memcmp(id.src.bytes, m.src().bytes.data(), 16) == 0);
  CHECK(std::memcmp(id.dst.bytes, m.dst().bytes.data(), 16) == 0);
}

TEST_CASE("C: state and ends of a message, in words") {
  made_socket made;
  made.src = "192.0.2.1";
  made.dst = "192.0.2.2";
  const message m = made.view();
  tcpinfo_message c = as_c(m);
  CHECK(tcpinfo_message_state(&c) == static_cast<std::uint32_t>(m.state()));
  CHECK(tcpinfo_message_state(&c) != 0);
  c.length = 71;
  CHECK(tcpinfo_message_state(&c) == 0);
  CHECK(tcpinfo_message_state(nullptr) == 0);

  c.length = m.bytes.size();
  tcpinfo_socket_id id{};
  REQUIRE(tcpinfo_message_id(&c, &id) == 0);
  char text[128] = "####";
  const std::string wanted = to_string(m.id());
  CHECK(tcpinfo_id_text(&id, text, sizeof text) == wanted.size());
  CHECK(text == wanted);
  CHECK(wanted.starts_with("192.0.2.1:"));
  CHECK(tcpinfo_id_text(&id, nullptr, 0) == wanted.size());
  CHECK(tcpinfo_id_text(&id, text, 6) == wanted.size());
  CHECK(std::string_view(text) == "192.0");
  CHECK(tcpinfo_id_text(nullptr, text, sizeof text) == 0);
  CHECK(text[0] == '\0');
  // The longest.
  std::memset(&id, 0xff, sizeof id);
  id.src.family = id.dst.family = AF_INET6;
  CHECK(tcpinfo_id_text(&id, text, sizeof text) < sizeof text);
  CHECK(std::strlen(text) == tcpinfo_id_text(&id, nullptr, 0));
}

TEST_CASE("C: a sentinel is a value, and no measured one") {
  made_socket made;
  tcpinfo_field field;
  TCPINFO_INIT(field);
  REQUIRE(tcpinfo_field_by_name("info.min_rtt", &field) == 0);
  REQUIRE(field.has_sentinel == 1);
  const std::size_t at = describe(static_cast<field_id>(field.id)).offset();
  made.set(at, static_cast<std::uint32_t>(field.sentinel));
  tcpinfo_message c = as_c(made.view());
  const held_snapshot held;
  REQUIRE(tcpinfo_snapshot_decode(held.handle, &c, TCPINFO_LAYOUT_UNKNOWN) == 0);
  std::uint64_t value = 5;
  CHECK(tcpinfo_snapshot_measured(held.handle, field.id, &value) == 0);
  CHECK(value == 5);
  CHECK(tcpinfo_snapshot_value(held.handle, field.id, &value) == 1);
  CHECK(value == field.sentinel);
  made.set(at, std::uint32_t{321});
  c = as_c(made.view());
  REQUIRE(tcpinfo_snapshot_decode(held.handle, &c, TCPINFO_LAYOUT_UNKNOWN) == 0);
  CHECK(tcpinfo_snapshot_measured(held.handle, field.id, &value) == 1);
  CHECK(value == 321);
}

TEST_CASE("C: what is no message, no field and no layout is refused") {
  made_socket made;
  tcpinfo_message c = as_c(made.view());
  const held_snapshot held;
  CHECK(tcpinfo_snapshot_decode(held.handle, &c, 3) == TCPINFO_E_INVALID_ARGUMENT);
  REQUIRE(tcpinfo_snapshot_decode(held.handle, &c, TCPINFO_LAYOUT_A) == 0);
  // What was decoded before is still there.
  CHECK(tcpinfo_snapshot_decode(held.handle, &c, 3) == TCPINFO_E_INVALID_ARGUMENT);
  std::uint64_t rtt = 0;
  CHECK(tcpinfo_snapshot_value_of(held.handle, "info.rtt", &rtt) == 1);
  std::uint64_t value = 5;
  const char* text = nullptr;
  std::size_t size = 0;
  tcpinfo_address address{};
  for (const std::uint32_t unknown : {0xffffffffU, 0x02ffffffU, field_id_of("rtt_us") + 1}) {
    CHECK(tcpinfo_snapshot_value(held.handle, unknown, &value) == TCPINFO_E_UNKNOWN_FIELD);
    CHECK(tcpinfo_snapshot_measured(held.handle, unknown, &value) == TCPINFO_E_UNKNOWN_FIELD);
    CHECK(tcpinfo_snapshot_text(held.handle, unknown, &text, &size) == TCPINFO_E_UNKNOWN_FIELD);
    CHECK(tcpinfo_snapshot_address(held.handle, unknown, &address) == TCPINFO_E_UNKNOWN_FIELD);
    tcpinfo_field field;
    TCPINFO_INIT(field);
    CHECK(tcpinfo_field_by_id(unknown, &field) == TCPINFO_E_UNKNOWN_FIELD);
  }
  tcpinfo_field field;
  TCPINFO_INIT(field);
  for (const char* name : {"", ".", "rtt", "info.", ".rtt", "info.rtt_us", "cong.rtt", "rtt_us "}) {
    CHECK(tcpinfo_field_by_name(name, &field) == TCPINFO_E_UNKNOWN_FIELD);
    CHECK(tcpinfo_snapshot_value_of(held.handle, name, &value) == TCPINFO_E_UNKNOWN_FIELD);
  }
  CHECK(tcpinfo_field_at(tcpinfo_field_count(), &field) == TCPINFO_E_UNKNOWN_FIELD);
  CHECK(tcpinfo_snapshot_has_group(held.handle, 256) == TCPINFO_E_INVALID_ARGUMENT);
  // Then it holds nothing.
  c.length = 71;
  CHECK(tcpinfo_snapshot_decode(held.handle, &c, 0) == TCPINFO_E_MESSAGE_TOO_SHORT);
  CHECK(tcpinfo_snapshot_value(held.handle, field_id_of("state"), &value) == 0);
  tcpinfo_socket_id id{};
  CHECK(tcpinfo_message_id(&c, &id) == TCPINFO_E_MESSAGE_TOO_SHORT);
  c = {nullptr, 100};
  CHECK(tcpinfo_message_id(&c, &id) == TCPINFO_E_MESSAGE_TOO_SHORT);
  CHECK(value == 5);
}

TEST_CASE("C: a struct of a wrong size is refused, a larger one of zeros is taken") {
  tcpinfo_field field{};
  CHECK(tcpinfo_field_at(0, &field) == TCPINFO_E_INVALID_ARGUMENT);
  field.size = sizeof field - 1;
  CHECK(tcpinfo_field_at(0, &field) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(field.name == nullptr);

  // A program of a later release, whose struct has another member.
  struct later_field {
    tcpinfo_field now;
    std::uint64_t later;
  } later{};
  later.now.size = sizeof later;
  later.later = 77;
  CHECK(tcpinfo_field_at(0, &later.now) == 0);
  CHECK(later.now.size == sizeof later);
  CHECK(later.later == 77);

  struct later_options {
    tcpinfo_writer_options now;
    std::uint64_t later;
  } options{};
  options.now.size = sizeof options;
  options.later = 1;
  tcpinfo_writer* writer = nullptr;
  CHECK(tcpinfo_writer_open(&writer, "/nowhere/x", &options.now) == TCPINFO_E_INVALID_ARGUMENT);
  options.later = 0;
  CHECK(tcpinfo_writer_open(&writer, "/nowhere/x", &options.now) == -ENOENT);
  CHECK(writer == nullptr);
}

namespace {

/// What a program of a later release hands over, whose options have another member.
template <class Options>
struct later {
  Options now;
  std::uint64_t member;
};

/// Whether options that are too short, or set what is not known here, are refused by `open`, which
/// has them as `const Options*`.
template <class Options, class Open>
void check_sizes(Open&& open) {
  later<Options> options;
  std::memset(&options, 0, sizeof options);
  CHECK(open(&options.now) == TCPINFO_E_INVALID_ARGUMENT);
  options.now.size = sizeof options.now - 1;
  CHECK(open(&options.now) == TCPINFO_E_INVALID_ARGUMENT);
  options.now.size = sizeof options;
  options.member = 1;
  CHECK(open(&options.now) == TCPINFO_E_INVALID_ARGUMENT);
  options.member = 0;
  const int zeroed = open(&options.now);
  CHECK(zeroed != TCPINFO_E_INVALID_ARGUMENT);
  CHECK(zeroed == open(nullptr));
  if constexpr (requires { options.now.reserved; }) {
    options.now.reserved = 1;
    CHECK(open(&options.now) == TCPINFO_E_INVALID_ARGUMENT);
  }
}

}  // namespace

TEST_CASE("C: options are null, zeroed, or known") {
  check_sizes<tcpinfo_socket_options>([](const tcpinfo_socket_options* options) {
    tcpinfo_socket* socket = nullptr;
    const int result = tcpinfo_socket_open(&socket, options);
    tcpinfo_socket_close(socket);
    return result;
  });
  check_sizes<tcpinfo_listener_options>([](const tcpinfo_listener_options* options) {
    tcpinfo_listener* listener = nullptr;
    const int result = tcpinfo_listener_open(&listener, options);
    tcpinfo_listener_close(listener);
    return result;
  });
  check_sizes<tcpinfo_reader_options>([](const tcpinfo_reader_options* options) {
    tcpinfo_reader* reader = nullptr;
    const int result = tcpinfo_reader_open_memory(&reader, "", 0, options);
    tcpinfo_reader_close(reader);
    return result;
  });
  check_sizes<tcpinfo_events_options>([](const tcpinfo_events_options* options) {
    tcpinfo_events* events = nullptr;
    return tcpinfo_events_connect(&events, "/nowhere/x", options);
  });

  // What no member may be; -1 and 0 are the caller's namespace, 9999 is none.
  tcpinfo_socket_options socket_options;
  TCPINFO_INIT(socket_options);
  tcpinfo_socket* socket = nullptr;
  socket_options.netns = -2;
  CHECK(tcpinfo_socket_open(&socket, &socket_options) == TCPINFO_E_INVALID_ARGUMENT);
  socket_options.netns = 9999;
  CHECK(tcpinfo_socket_open(&socket, &socket_options) == -EBADF);
  CHECK(socket == nullptr);
  tcpinfo_listener_options listener_options;
  TCPINFO_INIT(listener_options);
  tcpinfo_listener* listener = nullptr;
  listener_options.netns = -2;
  CHECK(tcpinfo_listener_open(&listener, &listener_options) == TCPINFO_E_INVALID_ARGUMENT);
  listener_options.netns = 9999;
  CHECK(tcpinfo_listener_open(&listener, &listener_options) == -EBADF);
  CHECK(listener == nullptr);
  tcpinfo_reader_options reader_options;
  TCPINFO_INIT(reader_options);
  tcpinfo_reader* reader = nullptr;
  for (const int window : {-1, 9, 99}) {
    reader_options.max_window_log = window;
    CHECK(tcpinfo_reader_open_memory(&reader, "", 0, &reader_options) ==
          TCPINFO_E_INVALID_ARGUMENT);
  }
  CHECK(reader == nullptr);
  tcpinfo_events_options events_options;
  TCPINFO_INIT(events_options);
  tcpinfo_events* events = nullptr;
  events_options.nonblocking = 2;
  CHECK(tcpinfo_events_connect(&events, "/nowhere/x", &events_options) ==
        TCPINFO_E_INVALID_ARGUMENT);
  CHECK(events == nullptr);
}

TEST_CASE("C: null is refused everywhere, and ends nothing") {
  tcpinfo_field field;
  TCPINFO_INIT(field);
  tcpinfo_message message{};
  tcpinfo_socket_id id{};
  tcpinfo_record record;
  TCPINFO_INIT(record);
  tcpinfo_event event;
  TCPINFO_INIT(event);
  tcpinfo_columns columns;
  TCPINFO_INIT(columns);
  tcpinfo_address address{};
  std::uint64_t value = 0;
  std::size_t size = 0;
  const char* text = nullptr;
  const held_snapshot held;
  constexpr int refused = TCPINFO_E_INVALID_ARGUMENT;

  CHECK(tcpinfo_message_id(nullptr, &id) == refused);
  CHECK(tcpinfo_message_id(&message, nullptr) == refused);
  CHECK(tcpinfo_socket_id_of(0, nullptr) == refused);
  CHECK(tcpinfo_socket_id_of(-1, &id) == -EBADF);
  CHECK(tcpinfo_field_at(0, nullptr) == refused);
  CHECK(tcpinfo_field_by_id(0, nullptr) == refused);
  CHECK(tcpinfo_field_by_name(nullptr, &field) == refused);
  CHECK(tcpinfo_field_by_name("rtt_us", nullptr) == refused);

  CHECK(tcpinfo_snapshot_new(nullptr) == refused);
  tcpinfo_snapshot_free(nullptr);
  CHECK(tcpinfo_snapshot_decode(nullptr, &message, 0) == refused);
  CHECK(tcpinfo_snapshot_decode(held.handle, nullptr, 0) == refused);
  CHECK(tcpinfo_snapshot_value(nullptr, 0, &value) == refused);
  CHECK(tcpinfo_snapshot_value(held.handle, 0, nullptr) == refused);
  CHECK(tcpinfo_snapshot_measured(nullptr, 0, &value) == refused);
  CHECK(tcpinfo_snapshot_value_of(held.handle, nullptr, &value) == refused);
  CHECK(tcpinfo_snapshot_text(held.handle, 0, nullptr, &size) == refused);
  CHECK(tcpinfo_snapshot_text(held.handle, 0, &text, nullptr) == refused);
  CHECK(tcpinfo_snapshot_address(held.handle, 0, nullptr) == refused);
  CHECK(tcpinfo_snapshot_address(nullptr, 0, &address) == refused);
  CHECK(tcpinfo_snapshot_has_group(nullptr, 0) == refused);

  CHECK(tcpinfo_socket_open(nullptr, nullptr) == refused);
  tcpinfo_socket_close(nullptr);
  CHECK(tcpinfo_socket_dump(nullptr, nullptr, never, nullptr) == refused);
  CHECK(tcpinfo_socket_collect(nullptr, nullptr) == refused);
  CHECK(tcpinfo_socket_collected(nullptr, &message) == refused);
  CHECK(tcpinfo_socket_query(nullptr, &id, nullptr, &message) == refused);

  CHECK(tcpinfo_listener_open(nullptr, nullptr) == refused);
  tcpinfo_listener_close(nullptr);
  CHECK(tcpinfo_listener_descriptor(nullptr) == -1);
  CHECK(tcpinfo_listener_receive(nullptr, never, nullptr) == refused);
  CHECK(tcpinfo_listener_next(nullptr, &message) == refused);
  CHECK(tcpinfo_listener_overflows(nullptr) == 0);

  tcpinfo_reader* reader = nullptr;
  CHECK(tcpinfo_reader_open_path(nullptr, "x", nullptr) == refused);
  CHECK(tcpinfo_reader_open_path(&reader, nullptr, nullptr) == refused);
  CHECK(tcpinfo_reader_open_path(&reader, "/nowhere/x", nullptr) == -ENOENT);
  CHECK(tcpinfo_reader_open_fd(&reader, -1, nullptr) == refused);
  CHECK(tcpinfo_reader_open_memory(&reader, nullptr, 1, nullptr) == refused);
  CHECK(reader == nullptr);
  tcpinfo_reader_close(nullptr);
  CHECK(tcpinfo_reader_next(nullptr, &record) == refused);
  CHECK(tcpinfo_reader_each(nullptr, never_record, nullptr) == refused);
  CHECK(tcpinfo_reader_columns(nullptr, &columns, &size) == refused);
  CHECK(tcpinfo_reader_line(nullptr, nullptr, nullptr) == 0);

  CHECK(tcpinfo_writer_open(nullptr, "x", nullptr) == refused);
  tcpinfo_writer* writer = nullptr;
  CHECK(tcpinfo_writer_open(&writer, nullptr, nullptr) == refused);
  CHECK(tcpinfo_writer_write(nullptr, &record) == refused);
  CHECK(tcpinfo_writer_close(nullptr) == 0);

  tcpinfo_events* events = nullptr;
  CHECK(tcpinfo_events_connect(nullptr, "x", nullptr) == refused);
  CHECK(tcpinfo_events_connect(&events, nullptr, nullptr) == refused);
  CHECK(tcpinfo_events_connect(&events, "", nullptr) == refused);
  CHECK(tcpinfo_events_connect(&events, "/nowhere/x", nullptr) == -ENOENT);
  CHECK(events == nullptr);
  tcpinfo_events_close(nullptr);
  CHECK(tcpinfo_events_descriptor(nullptr) == -1);
  CHECK(tcpinfo_events_next(nullptr, &event) == refused);
  CHECK(tcpinfo_events_each(nullptr, never_event, nullptr) == refused);
}
