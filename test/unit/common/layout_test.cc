// SPDX-License-Identifier: Apache-2.0
//
// The layouts that programs are compiled with, frozen (docs/abi.md): a number here changes only
// with the soname. A struct that begins with its own size may grow at its end: then its sizeof
// changes, and a line is added.
#include <tcpinfo/tcpinfo.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "unit/catch.h"

using namespace tcpinfo;

#if defined(__LP64__)

static_assert(sizeof(timestamp) == 16);
static_assert(std::is_trivially_copyable_v<timestamp>);
static_assert(offsetof(timestamp, seconds) == 0);
static_assert(offsetof(timestamp, nanoseconds) == 8);
static_assert(offsetof(timestamp, utc_offset_seconds) == 12);

static_assert(sizeof(archive_name) == 40);
static_assert(std::is_trivially_copyable_v<archive_name>);
static_assert(offsetof(archive_name, size) == 0);
static_assert(offsetof(archive_name, uuid) == 8);
static_assert(offsetof(archive_name, sequence) == 24);
static_assert(offsetof(archive_name, compressed) == 32);
static_assert(offsetof(archive_name, partial) == 33);

static_assert(sizeof(encode_notes) == 32);
static_assert(std::is_trivially_copyable_v<encode_notes>);
static_assert(offsetof(encode_notes, size) == 0);
static_assert(offsetof(encode_notes, duplicates) == 8);
static_assert(offsetof(encode_notes, secrets) == 16);
static_assert(offsetof(encode_notes, unread_bytes) == 24);

static_assert(sizeof(metadata) == 272);
static_assert(std::is_trivially_copyable_v<metadata>);
static_assert(offsetof(metadata, size) == 0);
static_assert(offsetof(metadata, uuid) == 8);
static_assert(offsetof(metadata, sequence) == 24);
static_assert(offsetof(metadata, start_time) == 32);
static_assert(offsetof(metadata, host) == 48);
static_assert(offsetof(metadata, kernel) == 64);
static_assert(offsetof(metadata, collector) == 80);
static_assert(offsetof(metadata, interval) == 96);
static_assert(offsetof(metadata, run) == 112);
static_assert(offsetof(metadata, netns) == 128);
static_assert(offsetof(metadata, byte_order) == 144);
static_assert(offsetof(metadata, opened) == 160);
static_assert(offsetof(metadata, policy) == 176);
static_assert(offsetof(metadata, cgroup) == 192);
static_assert(offsetof(metadata, owner) == 208);
static_assert(offsetof(metadata, pid) == 224);
static_assert(offsetof(metadata, comm) == 240);
static_assert(offsetof(metadata, executable) == 256);

static_assert(sizeof(archive_file_options) == 24);
static_assert(std::is_trivially_copyable_v<archive_file_options>);
static_assert(offsetof(archive_file_options, size) == 0);
static_assert(offsetof(archive_file_options, frame_bytes) == 8);
static_assert(offsetof(archive_file_options, level) == 16);
static_assert(offsetof(archive_file_options, plain) == 20);

static_assert(sizeof(record_extras) == 40);
static_assert(std::is_trivially_copyable_v<record_extras>);
static_assert(offsetof(record_extras, size) == 0);
static_assert(offsetof(record_extras, poll) == 8);
static_assert(offsetof(record_extras, ended) == 16);
static_assert(offsetof(record_extras, carried) == 32);
static_assert(offsetof(record_extras, thinned) == 36);

static_assert(sizeof(archive_reader_options) == 24);
static_assert(std::is_trivially_copyable_v<archive_reader_options>);
static_assert(offsetof(archive_reader_options, size) == 0);
static_assert(offsetof(archive_reader_options, max_line) == 8);
static_assert(offsetof(archive_reader_options, max_window_log) == 16);
static_assert(offsetof(archive_reader_options, reserved) == 20);

static_assert(sizeof(segment_archive) == 40);
static_assert(std::is_trivially_copyable_v<segment_archive>);
static_assert(offsetof(segment_archive, size) == 0);
static_assert(offsetof(segment_archive, about) == 8);
static_assert(offsetof(segment_archive, path) == 16);
static_assert(offsetof(segment_archive, goes_on) == 32);
static_assert(offsetof(segment_archive, reserved) == 36);

static_assert(sizeof(segment_options) == 16);
static_assert(std::is_trivially_copyable_v<segment_options>);
static_assert(offsetof(segment_options, size) == 0);
static_assert(offsetof(segment_options, level) == 8);
static_assert(offsetof(segment_options, window) == 12);

static_assert(sizeof(segment_record) == 96);
static_assert(std::is_trivially_copyable_v<segment_record>);
static_assert(offsetof(segment_record, size) == 0);
static_assert(offsetof(segment_record, time) == 8);
static_assert(offsetof(segment_record, poll) == 24);
static_assert(offsetof(segment_record, ended) == 32);
static_assert(offsetof(segment_record, carried) == 48);
static_assert(offsetof(segment_record, first) == 52);
static_assert(offsetof(segment_record, m) == 56);
static_assert(offsetof(segment_record, line) == 72);
static_assert(offsetof(segment_record, thinned) == 88);
static_assert(offsetof(segment_record, reserved) == 92);

static_assert(sizeof(segment_reader_options) == 16);
static_assert(std::is_trivially_copyable_v<segment_reader_options>);
static_assert(offsetof(segment_reader_options, size) == 0);
static_assert(offsetof(segment_reader_options, max_window_log) == 8);
static_assert(offsetof(segment_reader_options, reserved) == 12);

static_assert(sizeof(summary_value) == 16);
static_assert(std::is_trivially_copyable_v<summary_value>);
static_assert(offsetof(summary_value, field) == 0);
static_assert(offsetof(summary_value, reserved) == 4);
static_assert(offsetof(summary_value, value) == 8);

static_assert(sizeof(summary_bucket) == 16);
static_assert(std::is_trivially_copyable_v<summary_bucket>);
static_assert(offsetof(summary_bucket, lowest) == 0);
static_assert(offsetof(summary_bucket, highest) == 4);
static_assert(offsetof(summary_bucket, count) == 8);

static_assert(sizeof(segment_summary) == 56);
static_assert(std::is_trivially_copyable_v<segment_summary>);
static_assert(offsetof(segment_summary, size) == 0);
static_assert(offsetof(segment_summary, values) == 8);
static_assert(offsetof(segment_summary, rtts) == 24);
static_assert(offsetof(segment_summary, congestion_control) == 40);

static_assert(sizeof(segment_selection) == 56);
static_assert(std::is_trivially_copyable_v<segment_selection>);
static_assert(offsetof(segment_selection, size) == 0);
static_assert(offsetof(segment_selection, cookie) == 8);
static_assert(offsetof(segment_selection, since) == 16);
static_assert(offsetof(segment_selection, until) == 32);
static_assert(offsetof(segment_selection, kinds) == 48);
static_assert(offsetof(segment_selection, most_bytes) == 52);

static_assert(sizeof(segment_contents) == 72);
static_assert(std::is_trivially_copyable_v<segment_contents>);
static_assert(offsetof(segment_contents, size) == 0);
static_assert(offsetof(segment_contents, records) == 8);
static_assert(offsetof(segment_contents, summaries) == 16);
static_assert(offsetof(segment_contents, summarized) == 24);
static_assert(offsetof(segment_contents, first) == 32);
static_assert(offsetof(segment_contents, last) == 48);
static_assert(offsetof(segment_contents, has_others) == 64);
static_assert(offsetof(segment_contents, reserved) == 68);

static_assert(sizeof(file_range) == 16);
static_assert(std::is_trivially_copyable_v<file_range>);
static_assert(offsetof(file_range, offset) == 0);
static_assert(offsetof(file_range, size) == 8);

static_assert(sizeof(flow_update) == 48);
static_assert(std::is_trivially_copyable_v<flow_update>);
static_assert(offsetof(flow_update, size) == 0);
static_assert(offsetof(flow_update, change) == 8);
static_assert(offsetof(flow_update, known) == 12);
static_assert(offsetof(flow_update, current) == 16);
static_assert(offsetof(flow_update, now_ns) == 32);
static_assert(offsetof(flow_update, carried) == 40);
static_assert(offsetof(flow_update, reused) == 44);

static_assert(sizeof(flow_table_options) == 24);
static_assert(std::is_trivially_copyable_v<flow_table_options>);
static_assert(offsetof(flow_table_options, size) == 0);
static_assert(offsetof(flow_table_options, stall_interval_ns) == 8);
static_assert(offsetof(flow_table_options, tombstone_cycles) == 16);
static_assert(offsetof(flow_table_options, reserved) == 20);

static_assert(sizeof(flow_absence) == 40);
static_assert(std::is_trivially_copyable_v<flow_absence>);
static_assert(offsetof(flow_absence, cookie) == 0);
static_assert(offsetof(flow_absence, cycles) == 8);
static_assert(offsetof(flow_absence, had_info) == 12);
static_assert(offsetof(flow_absence, since_ns) == 16);
static_assert(offsetof(flow_absence, last) == 24);

static_assert(sizeof(flow_event) == 192);
static_assert(std::is_trivially_copyable_v<flow_event>);
static_assert(offsetof(flow_event, size) == 0);
static_assert(offsetof(flow_event, kind) == 8);
static_assert(offsetof(flow_event, time) == 16);
static_assert(offsetof(flow_event, uuid) == 32);
static_assert(offsetof(flow_event, has_id) == 48);
static_assert(offsetof(flow_event, unknown_keys) == 52);
static_assert(offsetof(flow_event, id) == 56);
static_assert(offsetof(flow_event, cgroup) == 112);
static_assert(offsetof(flow_event, owner) == 128);
static_assert(offsetof(flow_event, pid) == 144);
static_assert(offsetof(flow_event, comm) == 160);
static_assert(offsetof(flow_event, executable) == 176);

static_assert(sizeof(event_client_options) == 24);
static_assert(std::is_trivially_copyable_v<event_client_options>);
static_assert(offsetof(event_client_options, size) == 0);
static_assert(offsetof(event_client_options, max_line) == 8);
static_assert(offsetof(event_client_options, nonblocking) == 16);
static_assert(offsetof(event_client_options, reserved) == 20);

static_assert(sizeof(read_place) == 16);
static_assert(std::is_trivially_copyable_v<read_place>);
static_assert(offsetof(read_place, line) == 0);
static_assert(offsetof(read_place, offset) == 8);

static_assert(sizeof(ip_address) == 17);
static_assert(std::is_trivially_copyable_v<ip_address>);
static_assert(offsetof(ip_address, bytes) == 0);
static_assert(offsetof(ip_address, family) == 16);

static_assert(sizeof(ip_prefix) == 18);
static_assert(std::is_trivially_copyable_v<ip_prefix>);
static_assert(offsetof(ip_prefix, address) == 0);
static_assert(offsetof(ip_prefix, length) == 17);

static_assert(sizeof(socket_id) == 56);
static_assert(std::is_trivially_copyable_v<socket_id>);
static_assert(offsetof(socket_id, src) == 0);
static_assert(offsetof(socket_id, dst) == 17);
static_assert(offsetof(socket_id, sport) == 34);
static_assert(offsetof(socket_id, dport) == 36);
static_assert(offsetof(socket_id, interface) == 40);
static_assert(offsetof(socket_id, cookie) == 48);

static_assert(sizeof(attribute) == 24);
static_assert(std::is_trivially_copyable_v<attribute>);
static_assert(offsetof(attribute, type) == 0);
static_assert(offsetof(attribute, payload) == 8);

static_assert(sizeof(message) == 16);
static_assert(std::is_trivially_copyable_v<message>);
static_assert(offsetof(message, bytes) == 0);

static_assert(sizeof(datagram_item) == 40);
static_assert(std::is_trivially_copyable_v<datagram_item>);
static_assert(offsetof(datagram_item, status) == 0);
static_assert(offsetof(datagram_item, code) == 4);
static_assert(offsetof(datagram_item, type) == 8);
static_assert(offsetof(datagram_item, flags) == 10);
static_assert(offsetof(datagram_item, sequence) == 12);
static_assert(offsetof(datagram_item, port) == 16);
static_assert(offsetof(datagram_item, reserved) == 20);
static_assert(offsetof(datagram_item, payload) == 24);

static_assert(sizeof(filter_rule) == 56);
static_assert(std::is_trivially_copyable_v<filter_rule>);
static_assert(offsetof(filter_rule, size) == 0);
static_assert(offsetof(filter_rule, kind) == 8);
static_assert(offsetof(filter_rule, first) == 12);
static_assert(offsetof(filter_rule, last) == 14);
static_assert(offsetof(filter_rule, number) == 16);
static_assert(offsetof(filter_rule, mask) == 20);
static_assert(offsetof(filter_rule, cgroup) == 24);
static_assert(offsetof(filter_rule, prefix) == 32);
static_assert(offsetof(filter_rule, reserved) == 50);

static_assert(sizeof(dump_request) == 72);
static_assert(std::is_trivially_copyable_v<dump_request>);
static_assert(offsetof(dump_request, size) == 0);
static_assert(offsetof(dump_request, states) == 8);
static_assert(offsetof(dump_request, extensions) == 12);
static_assert(offsetof(dump_request, families) == 16);
static_assert(offsetof(dump_request, protocol) == 20);
static_assert(offsetof(dump_request, filter) == 24);
static_assert(offsetof(dump_request, bytecode) == 32);
static_assert(offsetof(dump_request, timeout_ns) == 48);
static_assert(offsetof(dump_request, between) == 56);
static_assert(offsetof(dump_request, between_user) == 64);

static_assert(sizeof(query_request) == 24);
static_assert(std::is_trivially_copyable_v<query_request>);
static_assert(offsetof(query_request, size) == 0);
static_assert(offsetof(query_request, extensions) == 8);
static_assert(offsetof(query_request, protocol) == 12);
static_assert(offsetof(query_request, timeout_ns) == 16);

static_assert(sizeof(query_answer) == 40);
static_assert(std::is_trivially_copyable_v<query_answer>);
static_assert(offsetof(query_answer, index) == 0);
static_assert(offsetof(query_answer, error) == 8);
static_assert(offsetof(query_answer, answer) == 24);

static_assert(sizeof(diag_socket_options) == 16);
static_assert(std::is_trivially_copyable_v<diag_socket_options>);
static_assert(offsetof(diag_socket_options, size) == 0);
static_assert(offsetof(diag_socket_options, netns) == 8);
static_assert(offsetof(diag_socket_options, reserved) == 12);

static_assert(sizeof(listener_options) == 24);
static_assert(std::is_trivially_copyable_v<listener_options>);
static_assert(offsetof(listener_options, size) == 0);
static_assert(offsetof(listener_options, receive_buffer) == 8);
static_assert(offsetof(listener_options, netns) == 16);
static_assert(offsetof(listener_options, reserved) == 20);

static_assert(sizeof(row_options) == 16);
static_assert(std::is_trivially_copyable_v<row_options>);
static_assert(offsetof(row_options, size) == 0);
static_assert(offsetof(row_options, format) == 8);
static_assert(offsetof(row_options, keep_sentinels) == 9);
static_assert(offsetof(row_options, reserved) == 10);

static_assert(sizeof(frame_options) == 16);
static_assert(std::is_trivially_copyable_v<frame_options>);
static_assert(offsetof(frame_options, size) == 0);
static_assert(offsetof(frame_options, level) == 8);
static_assert(offsetof(frame_options, window_log) == 12);

static_assert(sizeof(stream_options) == 16);
static_assert(std::is_trivially_copyable_v<stream_options>);
static_assert(offsetof(stream_options, size) == 0);
static_assert(offsetof(stream_options, max_window_log) == 8);
static_assert(offsetof(stream_options, reserved) == 12);

static_assert(sizeof(frame_scan) == 40);
static_assert(std::is_trivially_copyable_v<frame_scan>);
static_assert(offsetof(frame_scan, size) == 0);
static_assert(offsetof(frame_scan, frames) == 8);
static_assert(offsetof(frame_scan, whole_end) == 16);
static_assert(offsetof(frame_scan, content_bytes) == 24);
static_assert(offsetof(frame_scan, fault) == 32);
static_assert(offsetof(frame_scan, is_zstd) == 36);
static_assert(offsetof(frame_scan, reserved) == 37);

#endif

// What is behind a pointer may change.
static_assert(sizeof(frame_writer) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<frame_writer>);
static_assert(sizeof(stream_reader) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<stream_reader>);
static_assert(sizeof(filter) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<filter>);
static_assert(sizeof(diag_socket) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<diag_socket>);
static_assert(sizeof(destroy_listener) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<destroy_listener>);
static_assert(sizeof(event_client) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<event_client>);
static_assert(sizeof(flow_table) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<flow_table>);
static_assert(sizeof(tcp_field_descriptor) == sizeof(void*));
static_assert(sizeof(record) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<record>);
static_assert(sizeof(archive_reader) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<archive_reader>);
static_assert(sizeof(segment_writer) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<segment_writer>);
static_assert(sizeof(segment_reader) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<segment_reader>);
static_assert(sizeof(record_reader) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<record_reader>);
static_assert(sizeof(field_descriptor) == sizeof(void*));
static_assert(sizeof(snapshot) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<snapshot>);
static_assert(sizeof(column_descriptor) == sizeof(void*));
static_assert(sizeof(row_writer) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<row_writer>);

static_assert(static_cast<int>(errc::ok) == 0);
static_assert(static_cast<int>(errc::message_too_short) == 1);
static_assert(static_cast<int>(errc::malformed_attribute) == 2);
static_assert(static_cast<int>(errc::buffer_too_small) == 3);
static_assert(static_cast<int>(errc::dump_incomplete) == 4);
static_assert(static_cast<int>(errc::datagram_truncated) == 5);
static_assert(static_cast<int>(errc::unexpected_reply) == 6);
static_assert(static_cast<int>(errc::not_open) == 7);
static_assert(static_cast<int>(errc::invalid_argument) == 8);
static_assert(static_cast<int>(errc::bad_json) == 9);
static_assert(static_cast<int>(errc::bad_base64) == 10);
static_assert(static_cast<int>(errc::bad_timestamp) == 11);
static_assert(static_cast<int>(errc::bad_raw_idm) == 12);
static_assert(static_cast<int>(errc::line_too_long) == 13);
static_assert(static_cast<int>(errc::truncated_frame) == 14);
static_assert(static_cast<int>(errc::corrupt_frame) == 15);
static_assert(static_cast<int>(errc::unterminated_line) == 16);
static_assert(static_cast<int>(errc::bad_uuid) == 17);
static_assert(static_cast<int>(errc::out_of_memory) == 18);
static_assert(static_cast<int>(errc::filter_too_large) == 19);
static_assert(static_cast<int>(errc::window_too_large) == 20);
static_assert(static_cast<int>(errc::dictionary_needed) == 22);
static_assert(static_cast<int>(errc::wrong_checksum) == 21);
static_assert(static_cast<int>(errc::stopped) == 23);
static_assert(static_cast<int>(errc::busy) == 24);
static_assert(static_cast<int>(errc::empty_request) == 25);
static_assert(static_cast<int>(errc::bad_block) == 26);
static_assert(static_cast<int>(errc::unknown_feature) == 27);
static_assert(static_cast<int>(iteration::go_on) == 0);
static_assert(static_cast<int>(iteration::stop) == 1);

static_assert(static_cast<int>(read_status::value) == 0);
static_assert(static_cast<int>(read_status::fault) == 1);
static_assert(static_cast<int>(read_status::not_yet) == 2);
static_assert(static_cast<int>(read_status::end) == 3);

static_assert(static_cast<int>(flow_change::none) == 0);
static_assert(static_cast<int>(flow_change::opened) == 1);
static_assert(static_cast<int>(flow_change::changed) == 2);
static_assert(static_cast<int>(flow_change::stall_times) == 3);
static_assert(static_cast<int>(flow_change::reused) == 4);
static_assert(static_cast<int>(flow_change::closed) == 5);

static_assert(static_cast<int>(dump_counter::messages) == 0);
static_assert(static_cast<int>(dump_counter::bytes) == 1);
static_assert(static_cast<int>(dump_counter::datagrams) == 2);
static_assert(static_cast<int>(dump_counter::truncated) == 3);
static_assert(static_cast<int>(dump_counter::wrong_sequence) == 4);
static_assert(static_cast<int>(dump_counter::wrong_port) == 5);
static_assert(static_cast<int>(dump_counter::refused_messages) == 6);
static_assert(static_cast<int>(dump_counter::interrupted) == 7);
static_assert(static_cast<int>(dump_counter::done_status) == 8);
static_assert(static_cast<int>(dump_counter::completed) == 9);
static_assert(static_cast<int>(dump_counter::duration_ns) == 10);
static_assert(static_cast<int>(dump_counter::overflows) == 11);
static_assert(static_cast<int>(dump_counter::dropped) == 12);

static_assert(static_cast<int>(dump_families::both) == 0);
static_assert(static_cast<int>(dump_families::ipv4) == 1);
static_assert(static_cast<int>(dump_families::ipv6) == 2);

static_assert(static_cast<int>(transport::tcp) == 6);
static_assert(static_cast<int>(transport::udp) == 17);
static_assert(static_cast<int>(transport::mptcp) == 262);

static_assert(static_cast<int>(datagram_status::message) == 0);
static_assert(static_cast<int>(datagram_status::done) == 1);
static_assert(static_cast<int>(datagram_status::error) == 2);
static_assert(static_cast<int>(datagram_status::other) == 3);
static_assert(static_cast<int>(datagram_status::too_short) == 4);
static_assert(static_cast<int>(datagram_status::malformed) == 5);
static_assert(static_cast<int>(datagram_status::request) == 6);

static_assert(static_cast<int>(rule_kind::local_ports) == 0);
static_assert(static_cast<int>(rule_kind::remote_ports) == 1);
static_assert(static_cast<int>(rule_kind::local_prefix) == 2);
static_assert(static_cast<int>(rule_kind::remote_prefix) == 3);
static_assert(static_cast<int>(rule_kind::interface) == 4);
static_assert(static_cast<int>(rule_kind::mark) == 5);
static_assert(static_cast<int>(rule_kind::cgroup) == 6);
static_assert(static_cast<int>(rule_kind::states) == 7);
static_assert(static_cast<int>(rule_kind::automatic_port) == 8);

TEST_CASE("layouts are frozen") {
  // That this file compiles is the test; what grows is taken at its older size.
  dump_request older;
  older.size = offsetof(dump_request, filter);
  diag_socket socket;
  CHECK(socket.dump(older, [](const message&) {}) == errc::not_open);
  flow_table_options shorter;
  shorter.size = offsetof(flow_table_options, tombstone_cycles);
  flow_table table;
  CHECK_FALSE(table.reset(shorter));
}

namespace {

// A struct of a program that was built against a later header: a member behind those of today.
template <class Struct>
struct later {
  Struct known;
  std::uint64_t unknown = 0;

  later() { known.size = sizeof(later); }
};

}  // namespace

TEST_CASE("options of a later header are taken unless they ask for what is unknown here") {
  const auto judge = [](auto given, const auto& call) {
    given.known.size = sizeof given;
    CHECK_FALSE(call(given.known));
    given.unknown = 1;
    CHECK(call(given.known) == errc::invalid_argument);
    given.known.size = sizeof given.known.size - 1;
    CHECK(call(given.known) == errc::invalid_argument);
  };
  const std::span<const std::byte> none;
  flow_table table;
  judge(later<flow_table_options>(), [&](const auto& o) { return table.reset(o); });
  frame_writer frames;
  judge(later<frame_options>(), [&](const auto& o) { return frames.create(o); });
  stream_reader stream;
  judge(later<stream_options>(), [&](const auto& o) { return stream.open_memory(none, o); });
  archive_reader archive;
  judge(later<archive_reader_options>(),
        [&](const auto& o) { return archive.open_memory(none, o); });
  segment_writer segments;
  judge(later<segment_options>(), [&](const auto& o) { return segments.create(o); });
  segment_reader segment;
  judge(later<segment_reader_options>(),
        [&](const auto& o) { return segment.open_memory(none, o); });
  record_reader records;
  judge(later<archive_reader_options>(),
        [&](const auto& o) { return records.open_memory(none, o); });
  REQUIRE_FALSE(segments.create({}));
  judge(later<segment_archive>(), [&](const auto& a) {
    std::uint32_t number = 0;
    return segments.begin(a, number);
  });
  row_writer rows;
  judge(later<row_options>(), [&](const auto& o) { return rows.prepare({}, o); });
  std::array<char, 4096> out;
  std::size_t written = 0;
  judge(later<metadata>(), [&](const auto& m) { return encode_metadata(out, written, m); });
  judge(later<flow_event>(), [&](const auto& e) { return encode_flow_event(out, written, e); });
  const std::array<std::byte, wire::inet_diag_msg_size> bytes{};
  judge(later<record_extras>(), [&](const auto& extras) {
    return encode_record(out, written, timestamp(), message{bytes}, extras);
  });
  record_encoder encoder;
  judge(later<record_extras>(), [&](const auto& extras) {
    return encoder.encode(out, written, timestamp(), message{bytes}, extras);
  });
}

TEST_CASE("what is reserved in options stays as it is made") {
  diag_socket_options sockets;
  sockets.reserved = 1;
  CHECK(diag_socket().open(sockets) == errc::invalid_argument);
  listener_options listeners;
  listeners.reserved = 1;
  CHECK(destroy_listener().open(listeners) == errc::invalid_argument);
  filter_rule rule = filter_rule::local_port(1);
  rule.reserved[5] = 1;
  CHECK(filter().include(rule) == errc::invalid_argument);
  CHECK(filter().exclude(rule) == errc::invalid_argument);
  flow_table_options flows;
  flows.reserved = 1;
  CHECK(flow_table().reset(flows) == errc::invalid_argument);
  stream_options streams;
  streams.reserved = 1;
  CHECK(stream_reader().open_memory(bytes_view(), streams) == errc::invalid_argument);
  archive_reader_options archives;
  archives.reserved = 1;
  CHECK(archive_reader().open_memory(bytes_view(), archives) == errc::invalid_argument);
  segment_options segments;
  segments.window = 1;
  CHECK(segment_writer().create(segments) == errc::invalid_argument);
  segment_reader_options segment;
  segment.reserved = 1;
  CHECK(segment_reader().open_memory(bytes_view(), segment) == errc::invalid_argument);
  CHECK(record_reader().open_memory(bytes_view(), archives) == errc::invalid_argument);
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  segment_archive archive;
  archive.reserved = 1;
  std::uint32_t number = 0;
  CHECK(writer.begin(archive, number) == errc::invalid_argument);
  event_client_options events;
  events.reserved = 1;
  CHECK(event_client().connect("/nonexistent/socket", events) == errc::invalid_argument);
  events = {};
  events.max_line = 0;
  CHECK(event_client().connect("/nonexistent/socket", events) == errc::invalid_argument);
  row_options rows;
  rows.reserved[5] = 1;
  CHECK(row_writer().prepare({}, rows) == errc::invalid_argument);
}

TEST_CASE("an answer is filled as far as its caller has room") {
  later<archive_name> name;
  name.unknown = 42;
  CHECK_FALSE(parse_archive_name("u.00001.jsonl.zst", name.known));
  CHECK((name.known.uuid == "u" && name.known.size == sizeof name && name.unknown == 42));
  name.known.size = sizeof(archive_name) - 1;
  CHECK(parse_archive_name("u.00001.jsonl.zst", name.known) == errc::invalid_argument);

  frame_scan scan;
  scan.size = 7;
  CHECK(scan_frames(bytes_view(), scan) == errc::invalid_argument);
}
