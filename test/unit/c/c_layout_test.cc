// SPDX-License-Identifier: Apache-2.0
//
// The layouts and values that programs in C are compiled with, frozen (docs/abi.md): a number here
// changes only with the soname. A struct that begins with its own size may grow at its end: then
// its sizeof changes, and a line is added.
#include <tcpinfo/c.h>
#include <tcpinfo/tcpinfo.h>

#include <cstddef>

using namespace tcpinfo;

#if defined(__LP64__)

static_assert(sizeof(tcpinfo_address) == 20);
static_assert(offsetof(tcpinfo_address, bytes) == 0);
static_assert(offsetof(tcpinfo_address, family) == 16);
static_assert(offsetof(tcpinfo_address, reserved) == 17);

static_assert(sizeof(tcpinfo_prefix) == 24);
static_assert(offsetof(tcpinfo_prefix, address) == 0);
static_assert(offsetof(tcpinfo_prefix, length) == 20);

static_assert(sizeof(tcpinfo_socket_id) == 56);
static_assert(offsetof(tcpinfo_socket_id, src) == 0);
static_assert(offsetof(tcpinfo_socket_id, dst) == 20);
static_assert(offsetof(tcpinfo_socket_id, sport) == 40);
static_assert(offsetof(tcpinfo_socket_id, dport) == 42);
static_assert(offsetof(tcpinfo_socket_id, interface) == 44);
static_assert(offsetof(tcpinfo_socket_id, cookie) == 48);

static_assert(sizeof(tcpinfo_message) == 16);
static_assert(offsetof(tcpinfo_message, bytes) == 0);
static_assert(offsetof(tcpinfo_message, length) == 8);

static_assert(sizeof(tcpinfo_timestamp) == 16);
static_assert(offsetof(tcpinfo_timestamp, seconds) == 0);
static_assert(offsetof(tcpinfo_timestamp, nanoseconds) == 8);
static_assert(offsetof(tcpinfo_timestamp, utc_offset_seconds) == 12);

static_assert(sizeof(tcpinfo_field) == 80);
static_assert(offsetof(tcpinfo_field, size) == 0);
static_assert(offsetof(tcpinfo_field, id) == 8);
static_assert(offsetof(tcpinfo_field, group) == 12);
static_assert(offsetof(tcpinfo_field, type) == 16);
static_assert(offsetof(tcpinfo_field, has_sentinel) == 20);
static_assert(offsetof(tcpinfo_field, sentinel) == 24);
static_assert(offsetof(tcpinfo_field, name) == 32);
static_assert(offsetof(tcpinfo_field, csv_name) == 40);
static_assert(offsetof(tcpinfo_field, group_name) == 48);
static_assert(offsetof(tcpinfo_field, unit_name) == 56);
static_assert(offsetof(tcpinfo_field, first_kernel) == 64);
static_assert(offsetof(tcpinfo_field, meaning) == 72);

static_assert(sizeof(tcpinfo_dump_options) == 80);
static_assert(offsetof(tcpinfo_dump_options, size) == 0);
static_assert(offsetof(tcpinfo_dump_options, states) == 8);
static_assert(offsetof(tcpinfo_dump_options, extensions) == 12);
static_assert(offsetof(tcpinfo_dump_options, family) == 16);
static_assert(offsetof(tcpinfo_dump_options, protocol) == 20);
static_assert(offsetof(tcpinfo_dump_options, exclude_sports) == 24);
static_assert(offsetof(tcpinfo_dump_options, exclude_sport_count) == 32);
static_assert(offsetof(tcpinfo_dump_options, exclude_src) == 40);
static_assert(offsetof(tcpinfo_dump_options, exclude_src_count) == 48);
static_assert(offsetof(tcpinfo_dump_options, exclude_dst) == 56);
static_assert(offsetof(tcpinfo_dump_options, exclude_dst_count) == 64);
static_assert(offsetof(tcpinfo_dump_options, timeout_ns) == 72);

static_assert(sizeof(tcpinfo_query_options) == 24);
static_assert(offsetof(tcpinfo_query_options, size) == 0);
static_assert(offsetof(tcpinfo_query_options, extensions) == 8);
static_assert(offsetof(tcpinfo_query_options, protocol) == 12);
static_assert(offsetof(tcpinfo_query_options, timeout_ns) == 16);

static_assert(sizeof(tcpinfo_socket_options) == 16);
static_assert(offsetof(tcpinfo_socket_options, size) == 0);
static_assert(offsetof(tcpinfo_socket_options, netns) == 8);
static_assert(offsetof(tcpinfo_socket_options, reserved) == 12);

static_assert(sizeof(tcpinfo_listener_options) == 24);
static_assert(offsetof(tcpinfo_listener_options, size) == 0);
static_assert(offsetof(tcpinfo_listener_options, receive_buffer) == 8);
static_assert(offsetof(tcpinfo_listener_options, netns) == 16);
static_assert(offsetof(tcpinfo_listener_options, reserved) == 20);

static_assert(sizeof(tcpinfo_reader_options) == 24);
static_assert(offsetof(tcpinfo_reader_options, size) == 0);
static_assert(offsetof(tcpinfo_reader_options, max_line) == 8);
static_assert(offsetof(tcpinfo_reader_options, max_window_log) == 16);
static_assert(offsetof(tcpinfo_reader_options, reserved) == 20);

static_assert(sizeof(tcpinfo_events_options) == 24);
static_assert(offsetof(tcpinfo_events_options, size) == 0);
static_assert(offsetof(tcpinfo_events_options, max_line) == 8);
static_assert(offsetof(tcpinfo_events_options, nonblocking) == 16);
static_assert(offsetof(tcpinfo_events_options, reserved) == 20);

static_assert(sizeof(tcpinfo_metadata) == 160);
static_assert(offsetof(tcpinfo_metadata, size) == 0);
static_assert(offsetof(tcpinfo_metadata, uuid) == 8);
static_assert(offsetof(tcpinfo_metadata, sequence) == 16);
static_assert(offsetof(tcpinfo_metadata, start_time) == 24);
static_assert(offsetof(tcpinfo_metadata, opened) == 40);
static_assert(offsetof(tcpinfo_metadata, host) == 56);
static_assert(offsetof(tcpinfo_metadata, kernel) == 64);
static_assert(offsetof(tcpinfo_metadata, collector) == 72);
static_assert(offsetof(tcpinfo_metadata, interval) == 80);
static_assert(offsetof(tcpinfo_metadata, run) == 88);
static_assert(offsetof(tcpinfo_metadata, netns) == 96);
static_assert(offsetof(tcpinfo_metadata, byte_order) == 104);
static_assert(offsetof(tcpinfo_metadata, policy) == 112);
static_assert(offsetof(tcpinfo_metadata, cgroup) == 120);
static_assert(offsetof(tcpinfo_metadata, owner) == 128);
static_assert(offsetof(tcpinfo_metadata, pid) == 136);
static_assert(offsetof(tcpinfo_metadata, comm) == 144);
static_assert(offsetof(tcpinfo_metadata, executable) == 152);

static_assert(sizeof(tcpinfo_record) == 96);
static_assert(offsetof(tcpinfo_record, size) == 0);
static_assert(offsetof(tcpinfo_record, time) == 8);
static_assert(offsetof(tcpinfo_record, message) == 24);
static_assert(offsetof(tcpinfo_record, poll) == 40);
static_assert(offsetof(tcpinfo_record, ended) == 48);
static_assert(offsetof(tcpinfo_record, carried) == 64);
static_assert(offsetof(tcpinfo_record, flags) == 68);
static_assert(offsetof(tcpinfo_record, layout) == 72);
static_assert(offsetof(tcpinfo_record, thinned) == 76);
static_assert(offsetof(tcpinfo_record, line) == 80);
static_assert(offsetof(tcpinfo_record, metadata) == 88);

static_assert(sizeof(tcpinfo_columns) == 64);
static_assert(offsetof(tcpinfo_columns, size) == 0);
static_assert(offsetof(tcpinfo_columns, rows) == 8);
static_assert(offsetof(tcpinfo_columns, fields) == 16);
static_assert(offsetof(tcpinfo_columns, field_count) == 24);
static_assert(offsetof(tcpinfo_columns, values) == 32);
static_assert(offsetof(tcpinfo_columns, present) == 40);
static_assert(offsetof(tcpinfo_columns, times_ns) == 48);
static_assert(offsetof(tcpinfo_columns, keep_sentinels) == 56);
static_assert(offsetof(tcpinfo_columns, reserved) == 60);

static_assert(sizeof(tcpinfo_summary_value) == 16);
static_assert(offsetof(tcpinfo_summary_value, field) == 0);
static_assert(offsetof(tcpinfo_summary_value, reserved) == 4);
static_assert(offsetof(tcpinfo_summary_value, value) == 8);

static_assert(sizeof(tcpinfo_summary_bucket) == 16);
static_assert(offsetof(tcpinfo_summary_bucket, lowest) == 0);
static_assert(offsetof(tcpinfo_summary_bucket, highest) == 4);
static_assert(offsetof(tcpinfo_summary_bucket, count) == 8);

static_assert(sizeof(tcpinfo_summary) == 56);
static_assert(offsetof(tcpinfo_summary, size) == 0);
static_assert(offsetof(tcpinfo_summary, values) == 8);
static_assert(offsetof(tcpinfo_summary, value_count) == 16);
static_assert(offsetof(tcpinfo_summary, rtts) == 24);
static_assert(offsetof(tcpinfo_summary, rtt_count) == 32);
static_assert(offsetof(tcpinfo_summary, congestion_control) == 40);
static_assert(offsetof(tcpinfo_summary, goes_on) == 48);
static_assert(offsetof(tcpinfo_summary, reserved) == 52);

static_assert(sizeof(tcpinfo_segment_column) == 8);
static_assert(offsetof(tcpinfo_segment_column, attribute) == 0);
static_assert(offsetof(tcpinfo_segment_column, offset) == 4);
static_assert(offsetof(tcpinfo_segment_column, width) == 6);

static_assert(sizeof(tcpinfo_segment_columns) == 64);
static_assert(offsetof(tcpinfo_segment_columns, size) == 0);
static_assert(offsetof(tcpinfo_segment_columns, rows) == 8);
static_assert(offsetof(tcpinfo_segment_columns, column_count) == 16);
static_assert(offsetof(tcpinfo_segment_columns, times_ns) == 24);
static_assert(offsetof(tcpinfo_segment_columns, polls) == 32);
static_assert(offsetof(tcpinfo_segment_columns, values) == 40);
static_assert(offsetof(tcpinfo_segment_columns, present) == 48);
static_assert(offsetof(tcpinfo_segment_columns, lines) == 56);
static_assert(offsetof(tcpinfo_segment_columns, goes_on) == 60);

static_assert(sizeof(tcpinfo_arrow_options) == 64);
static_assert(offsetof(tcpinfo_arrow_options, size) == 0);
static_assert(offsetof(tcpinfo_arrow_options, fields) == 8);
static_assert(offsetof(tcpinfo_arrow_options, field_count) == 16);
static_assert(offsetof(tcpinfo_arrow_options, rows) == 24);
static_assert(offsetof(tcpinfo_arrow_options, on_fault) == 32);
static_assert(offsetof(tcpinfo_arrow_options, on_release) == 40);
static_assert(offsetof(tcpinfo_arrow_options, user) == 48);
static_assert(offsetof(tcpinfo_arrow_options, keep_sentinels) == 56);
static_assert(offsetof(tcpinfo_arrow_options, reserved) == 60);

// As Arrow's specification has them.
static_assert(sizeof(ArrowSchema) == 72);
static_assert(offsetof(ArrowSchema, format) == 0);
static_assert(offsetof(ArrowSchema, name) == 8);
static_assert(offsetof(ArrowSchema, metadata) == 16);
static_assert(offsetof(ArrowSchema, flags) == 24);
static_assert(offsetof(ArrowSchema, n_children) == 32);
static_assert(offsetof(ArrowSchema, children) == 40);
static_assert(offsetof(ArrowSchema, dictionary) == 48);
static_assert(offsetof(ArrowSchema, release) == 56);
static_assert(offsetof(ArrowSchema, private_data) == 64);

static_assert(sizeof(ArrowArray) == 80);
static_assert(offsetof(ArrowArray, length) == 0);
static_assert(offsetof(ArrowArray, null_count) == 8);
static_assert(offsetof(ArrowArray, offset) == 16);
static_assert(offsetof(ArrowArray, n_buffers) == 24);
static_assert(offsetof(ArrowArray, n_children) == 32);
static_assert(offsetof(ArrowArray, buffers) == 40);
static_assert(offsetof(ArrowArray, children) == 48);
static_assert(offsetof(ArrowArray, dictionary) == 56);
static_assert(offsetof(ArrowArray, release) == 64);
static_assert(offsetof(ArrowArray, private_data) == 72);

static_assert(sizeof(ArrowArrayStream) == 40);
static_assert(offsetof(ArrowArrayStream, get_schema) == 0);
static_assert(offsetof(ArrowArrayStream, get_next) == 8);
static_assert(offsetof(ArrowArrayStream, get_last_error) == 16);
static_assert(offsetof(ArrowArrayStream, release) == 24);
static_assert(offsetof(ArrowArrayStream, private_data) == 32);

static_assert(sizeof(tcpinfo_writer_options) == 24);
static_assert(offsetof(tcpinfo_writer_options, size) == 0);
static_assert(offsetof(tcpinfo_writer_options, plain) == 8);
static_assert(offsetof(tcpinfo_writer_options, level) == 12);
static_assert(offsetof(tcpinfo_writer_options, frame_bytes) == 16);

static_assert(sizeof(tcpinfo_event) == 144);
static_assert(offsetof(tcpinfo_event, size) == 0);
static_assert(offsetof(tcpinfo_event, kind) == 8);
static_assert(offsetof(tcpinfo_event, time) == 16);
static_assert(offsetof(tcpinfo_event, uuid) == 32);
static_assert(offsetof(tcpinfo_event, has_id) == 40);
static_assert(offsetof(tcpinfo_event, reserved) == 44);
static_assert(offsetof(tcpinfo_event, id) == 48);
static_assert(offsetof(tcpinfo_event, cgroup) == 104);
static_assert(offsetof(tcpinfo_event, owner) == 112);
static_assert(offsetof(tcpinfo_event, pid) == 120);
static_assert(offsetof(tcpinfo_event, comm) == 128);
static_assert(offsetof(tcpinfo_event, executable) == 136);

#endif

namespace {

constexpr int of(errc e) { return -10'000 - static_cast<int>(e); }

}  // namespace

static_assert(TCPINFO_E_MESSAGE_TOO_SHORT == of(errc::message_too_short));
static_assert(TCPINFO_E_MALFORMED_ATTRIBUTE == of(errc::malformed_attribute));
static_assert(TCPINFO_E_BUFFER_TOO_SMALL == of(errc::buffer_too_small));
static_assert(TCPINFO_E_DUMP_INCOMPLETE == of(errc::dump_incomplete));
static_assert(TCPINFO_E_DATAGRAM_TRUNCATED == of(errc::datagram_truncated));
static_assert(TCPINFO_E_UNEXPECTED_REPLY == of(errc::unexpected_reply));
static_assert(TCPINFO_E_NOT_OPEN == of(errc::not_open));
static_assert(TCPINFO_E_INVALID_ARGUMENT == of(errc::invalid_argument));
static_assert(TCPINFO_E_BAD_JSON == of(errc::bad_json));
static_assert(TCPINFO_E_BAD_BASE64 == of(errc::bad_base64));
static_assert(TCPINFO_E_BAD_TIMESTAMP == of(errc::bad_timestamp));
static_assert(TCPINFO_E_BAD_RAW_IDM == of(errc::bad_raw_idm));
static_assert(TCPINFO_E_LINE_TOO_LONG == of(errc::line_too_long));
static_assert(TCPINFO_E_TRUNCATED_FRAME == of(errc::truncated_frame));
static_assert(TCPINFO_E_CORRUPT_FRAME == of(errc::corrupt_frame));
static_assert(TCPINFO_E_UNTERMINATED_LINE == of(errc::unterminated_line));
static_assert(TCPINFO_E_BAD_UUID == of(errc::bad_uuid));
static_assert(TCPINFO_E_OUT_OF_MEMORY == of(errc::out_of_memory));
static_assert(TCPINFO_E_FILTER_TOO_LARGE == of(errc::filter_too_large));
static_assert(TCPINFO_E_WINDOW_TOO_LARGE == of(errc::window_too_large));
static_assert(TCPINFO_E_WRONG_CHECKSUM == of(errc::wrong_checksum));
static_assert(TCPINFO_E_DICTIONARY_NEEDED == of(errc::dictionary_needed));
static_assert(TCPINFO_E_STOPPED == of(errc::stopped));
static_assert(TCPINFO_E_BUSY == of(errc::busy));
static_assert(TCPINFO_E_EMPTY_REQUEST == of(errc::empty_request));
static_assert(TCPINFO_E_BAD_BLOCK == of(errc::bad_block));
static_assert(TCPINFO_E_UNKNOWN_FEATURE == of(errc::unknown_feature));
static_assert(TCPINFO_E_UNKNOWN_FIELD == -11001);
static_assert(TCPINFO_E_WRONG_TYPE == -11002);
static_assert(TCPINFO_E_FOREIGN_BYTE_ORDER == -11003);

static_assert(TCPINFO_TYPE_U8 == static_cast<int>(field_type::u8));
static_assert(TCPINFO_TYPE_U16 == static_cast<int>(field_type::u16));
static_assert(TCPINFO_TYPE_U32 == static_cast<int>(field_type::u32));
static_assert(TCPINFO_TYPE_U64 == static_cast<int>(field_type::u64));
static_assert(TCPINFO_TYPE_BOOLEAN == static_cast<int>(field_type::boolean));
static_assert(TCPINFO_TYPE_TEXT == static_cast<int>(field_type::text));
static_assert(TCPINFO_TYPE_ADDRESS == static_cast<int>(field_type::address));
static_assert(TCPINFO_LAYOUT_UNKNOWN == static_cast<int>(info_layout::unknown));
static_assert(TCPINFO_LAYOUT_A == static_cast<int>(info_layout::a));
static_assert(TCPINFO_LAYOUT_B == static_cast<int>(info_layout::b));
static_assert(TCPINFO_EVENT_OPENED == static_cast<int>(flow_event_kind::opened));
static_assert(TCPINFO_EVENT_CLOSED == static_cast<int>(flow_event_kind::closed));
static_assert(TCPINFO_ANY_COOKIE == any_cookie);
static_assert(TCPINFO_STATES_ALL == all_states);
static_assert(TCPINFO_STATES_CONNECTIONS ==
              (all_states & ~state_bit(tcp_state::listen) & ~state_bit(tcp_state::bound_inactive)));
static_assert(TCPINFO_EXTENSIONS_ALL == all_extensions);
static_assert(TCPINFO_STATE_ESTABLISHED == static_cast<int>(tcp_state::established));
static_assert(TCPINFO_STATE_SYN_SENT == static_cast<int>(tcp_state::syn_sent));
static_assert(TCPINFO_STATE_SYN_RECV == static_cast<int>(tcp_state::syn_recv));
static_assert(TCPINFO_STATE_FIN_WAIT1 == static_cast<int>(tcp_state::fin_wait1));
static_assert(TCPINFO_STATE_FIN_WAIT2 == static_cast<int>(tcp_state::fin_wait2));
static_assert(TCPINFO_STATE_TIME_WAIT == static_cast<int>(tcp_state::time_wait));
static_assert(TCPINFO_STATE_CLOSE == static_cast<int>(tcp_state::close));
static_assert(TCPINFO_STATE_CLOSE_WAIT == static_cast<int>(tcp_state::close_wait));
static_assert(TCPINFO_STATE_LAST_ACK == static_cast<int>(tcp_state::last_ack));
static_assert(TCPINFO_STATE_LISTEN == static_cast<int>(tcp_state::listen));
static_assert(TCPINFO_STATE_CLOSING == static_cast<int>(tcp_state::closing));
static_assert(TCPINFO_STATE_NEW_SYN_RECV == static_cast<int>(tcp_state::new_syn_recv));
static_assert(TCPINFO_STATE_BOUND_INACTIVE == static_cast<int>(tcp_state::bound_inactive));
static_assert(TCPINFO_ATTRIBUTE_MEMINFO == static_cast<int>(attribute_type::meminfo));
static_assert(TCPINFO_ATTRIBUTE_INFO == static_cast<int>(attribute_type::info));
static_assert(TCPINFO_ATTRIBUTE_VEGASINFO == static_cast<int>(attribute_type::vegasinfo));
static_assert(TCPINFO_ATTRIBUTE_CONG == static_cast<int>(attribute_type::cong));
static_assert(TCPINFO_ATTRIBUTE_TOS == static_cast<int>(attribute_type::tos));
static_assert(TCPINFO_ATTRIBUTE_TCLASS == static_cast<int>(attribute_type::tclass));
static_assert(TCPINFO_ATTRIBUTE_SKMEMINFO == static_cast<int>(attribute_type::skmeminfo));
static_assert(TCPINFO_ATTRIBUTE_SHUTDOWN == static_cast<int>(attribute_type::shutdown));
static_assert(TCPINFO_ATTRIBUTE_DCTCPINFO == static_cast<int>(attribute_type::dctcpinfo));
static_assert(TCPINFO_ATTRIBUTE_PROTOCOL == static_cast<int>(attribute_type::protocol));
static_assert(TCPINFO_ATTRIBUTE_SKV6ONLY == static_cast<int>(attribute_type::skv6only));
static_assert(TCPINFO_ATTRIBUTE_LOCALS == static_cast<int>(attribute_type::locals));
static_assert(TCPINFO_ATTRIBUTE_PEERS == static_cast<int>(attribute_type::peers));
static_assert(TCPINFO_ATTRIBUTE_PAD == static_cast<int>(attribute_type::pad));
static_assert(TCPINFO_ATTRIBUTE_MARK == static_cast<int>(attribute_type::mark));
static_assert(TCPINFO_ATTRIBUTE_BBRINFO == static_cast<int>(attribute_type::bbrinfo));
static_assert(TCPINFO_ATTRIBUTE_CLASS_ID == static_cast<int>(attribute_type::class_id));
static_assert(TCPINFO_ATTRIBUTE_MD5SIG == static_cast<int>(attribute_type::md5sig));
static_assert(TCPINFO_ATTRIBUTE_ULP_INFO == static_cast<int>(attribute_type::ulp_info));
static_assert(TCPINFO_ATTRIBUTE_SK_BPF_STORAGES ==
              static_cast<int>(attribute_type::sk_bpf_storages));
static_assert(TCPINFO_ATTRIBUTE_CGROUP_ID == static_cast<int>(attribute_type::cgroup_id));
static_assert(TCPINFO_ATTRIBUTE_SOCKOPT == static_cast<int>(attribute_type::sockopt));

// Of every number there is a bit, or none.
static_assert(TCPINFO_STATE_BIT(TCPINFO_STATE_ESTABLISHED) == state_bit(tcp_state::established));
static_assert(TCPINFO_STATE_BIT(31) == 0x80000000U);
static_assert(TCPINFO_STATE_BIT(0) == 0 && TCPINFO_STATE_BIT(32) == 0 &&
              TCPINFO_STATE_BIT(-1) == 0 && TCPINFO_STATE_BIT(0x100000001ULL) == 0);
static_assert(TCPINFO_EXTENSION(TCPINFO_ATTRIBUTE_INFO) == extension(attribute_type::info));
static_assert(TCPINFO_EXTENSION(1) == 1 && TCPINFO_EXTENSION(32) == 0x80000000U);
static_assert(TCPINFO_EXTENSION(0) == 0 && TCPINFO_EXTENSION(33) == 0 &&
              TCPINFO_EXTENSION(-1) == 0 && TCPINFO_EXTENSION(0x100000001ULL) == 0);
