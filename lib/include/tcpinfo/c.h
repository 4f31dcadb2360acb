/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * libtcpinfo for C, from C99 on, and for every language that calls C. The same library exports it;
 * nothing of C++ shows through. A program is linked with -ltcpinfo and nothing else.
 *
 * Results. A function that can fail returns an int. Less than 0 is an error: -errno for an error of
 * the system, an enumerator of tcpinfo_error for any other; tcpinfo_error_text() tells it in words.
 * 0 is success. Functions that ask for one thing return 1 where it is there and 0 where it is not:
 * the end of what is read, a field that the kernel did not send. After an error an output parameter
 * has its former value, unless the function says otherwise.
 *
 * Handles. tcpinfo_X_open() or tcpinfo_X_new() makes a handle, which the caller owns; the function
 * of the same family that ends in _close or _free ends it, and takes NULL as well. A handle is used
 * by one thread at a time; different handles are independent. A handle that is used from within its
 * own callback answers TCPINFO_E_BUSY. NULL in place of a handle, or of a pointer that is not said
 * to be optional, is TCPINFO_E_INVALID_ARGUMENT. Functions without a handle: any thread.
 *
 * Callbacks return 0 to go on. Any other value ends the call, which then returns
 * TCPINFO_E_STOPPED. A callback must not leave by longjmp() or by an exception.
 *
 * Views. A pointer that the library hands out is its own: each function says how long it is valid.
 *
 * Structs that begin with `size` are prepared by TCPINFO_INIT(). So a library and a program of
 * different releases know which members the other has: what a program sets and the library does not
 * know is refused (TCPINFO_E_INVALID_ARGUMENT), what the library knows and the program does not is
 * left out. Members of a struct that the library made, as callbacks get it, are there as far as its
 * own `size` says.
 *
 * Options. A member that is zero means the default, and NULL in place of options the default of
 * each. Two structs are requests instead, tcpinfo_dump_options and tcpinfo_query_options: `states`
 * of 0 asks for nothing, `extensions` of 0 for no attribute, and NULL for everything.
 *
 * Units stand in names and comments: ports are in host order, lengths in bytes.
 */
#ifndef TCPINFO_C_H
#define TCPINFO_C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tcpinfo/version_macros.h>

#if defined(__GNUC__) || defined(__clang__)
/** Marks a function that libtcpinfo.so exports. */
#define TCPINFO_C_API __attribute__((visibility("default")))
/** Marks a function whose result says whether it worked. */
#define TCPINFO_C_CHECK __attribute__((warn_unused_result))
#else
#define TCPINFO_C_API
#define TCPINFO_C_CHECK
#endif

/**
 * Prepares a struct that begins with `size`, as a statement: everything else is zero. That means
 * the default, but tcpinfo_dump_options.states has none and must be set, and `extensions` of 0 in
 * it and in tcpinfo_query_options is the header alone.
 */
#define TCPINFO_INIT(object)              \
  do {                                    \
    memset(&(object), 0, sizeof(object)); \
    (object).size = sizeof(object);       \
  } while (0)

#if defined(__cplusplus) && __cplusplus >= 201103L
/** No exception comes out of the library; a compiler of C++ knows. */
#define TCPINFO_C_NOEXCEPT noexcept
#else
#define TCPINFO_C_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------
 * Errors
 */

/** What can be wrong that is no error of the system. Values are frozen; new ones are added. */
enum tcpinfo_error {
  TCPINFO_E_MESSAGE_TOO_SHORT = -10001,   /**< fewer bytes than struct inet_diag_msg has (72) */
  TCPINFO_E_MALFORMED_ATTRIBUTE = -10002, /**< an attribute's length is out of bounds */
  TCPINFO_E_BUFFER_TOO_SMALL = -10003,    /**< the result does not fit */
  TCPINFO_E_DUMP_INCOMPLETE = -10004,     /**< a dump ended early, or with a bad message in it */
  TCPINFO_E_DATAGRAM_TRUNCATED = -10005,  /**< a netlink datagram was larger than the buffer */
  TCPINFO_E_UNEXPECTED_REPLY = -10006,    /**< the kernel answered something else */
  TCPINFO_E_NOT_OPEN = -10007,            /**< what is behind the handle is not open */
  TCPINFO_E_INVALID_ARGUMENT = -10008,    /**< an argument is out of its documented range */
  TCPINFO_E_BAD_JSON = -10009,            /**< a line is no JSON object, or not of the format */
  TCPINFO_E_BAD_BASE64 = -10010,          /**< not standard padded base64 */
  TCPINFO_E_BAD_TIMESTAMP = -10011,     /**< not an RFC 3339 time, or one that cannot be written */
  TCPINFO_E_BAD_RAW_IDM = -10012,       /**< RawIDM is not 72 bytes */
  TCPINFO_E_LINE_TOO_LONG = -10013,     /**< a line exceeds the reader's limit */
  TCPINFO_E_TRUNCATED_FRAME = -10014,   /**< the input ends inside a zstd frame */
  TCPINFO_E_CORRUPT_FRAME = -10015,     /**< a zstd frame does not decode */
  TCPINFO_E_UNTERMINATED_LINE = -10016, /**< the last line has no newline: it was cut off */
  TCPINFO_E_BAD_UUID = -10017,          /**< not usable as a UUID */
  TCPINFO_E_OUT_OF_MEMORY = -10018,     /**< an allocation failed */
  TCPINFO_E_FILTER_TOO_LARGE = -10019,  /**< more rules than the kernel has room for */
  TCPINFO_E_WINDOW_TOO_LARGE = -10020,  /**< a zstd frame needs more memory than is allowed */
  TCPINFO_E_WRONG_CHECKSUM = -10021,    /**< a zstd frame is not what was written */
  TCPINFO_E_DICTIONARY_NEEDED = -10022, /**< a zstd frame was written with a dictionary */
  TCPINFO_E_STOPPED = -10023,           /**< the callback did not want any more */
  TCPINFO_E_BUSY = -10024,              /**< the handle was used from its own callback */
  TCPINFO_E_EMPTY_REQUEST = -10025,     /**< the request asks for nothing: no state, say */
  TCPINFO_E_BAD_BLOCK = -10026,         /**< a block of a segment is not what was written */
  TCPINFO_E_UNKNOWN_FEATURE = -10027,   /**< only a later version reads this block of a segment */
  TCPINFO_E_UNKNOWN_FIELD = -11001,     /**< no field has that number or name */
  TCPINFO_E_WRONG_TYPE = -11002,        /**< the field is no number, no text, or no address */
  TCPINFO_E_FOREIGN_BYTE_ORDER = -11003 /**< recorded on a machine of the other byte order */
};

/**
 * Tells a result in words: what is wrong, "success" for what is not negative.
 * @param result of any function here
 * @param text   where it is written, NUL-terminated and cut where `size` is too small; may be NULL
 * @param size   bytes there are at `text`, for the NUL as well; 0: nothing is written
 * @return length of the whole text, without NUL. Any thread.
 */
TCPINFO_C_API size_t tcpinfo_error_text(int result, char* text, size_t size) TCPINFO_C_NOEXCEPT;

/** The version of the library in use, "MAJOR.MINOR.PATCH". Static storage; any thread. */
TCPINFO_C_API const char* tcpinfo_version(void) TCPINFO_C_NOEXCEPT;

/**
 * The same as a number: MAJOR * 10000 + MINOR * 100 + PATCH. TCPINFO_VERSION_NUMBER, with
 * TCPINFO_VERSION_MAJOR, _MINOR and _PATCH, is the version compiled against. Any thread.
 */
TCPINFO_C_API uint32_t tcpinfo_version_number(void) TCPINFO_C_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------
 * Plain values
 */

/** An IP address, in network order: what inet_ntop(3) takes, with `family`. */
typedef struct tcpinfo_address {
  uint8_t bytes[16];   /**< 4 or 16 count, from the first; the rest is 0 */
  uint8_t family;      /**< AF_INET (2), AF_INET6 (10), or 0: none */
  uint8_t reserved[3]; /**< 0 */
} tcpinfo_address;

/** An address and how many of its leading bits count; bits after these are 0. */
typedef struct tcpinfo_prefix {
  tcpinfo_address address; /**< of one of the two families */
  uint32_t length;         /**< bits, 0..32 or 0..128 */
} tcpinfo_prefix;

/** What a TCP socket is known by. */
typedef struct tcpinfo_socket_id {
  tcpinfo_address src; /**< local end */
  tcpinfo_address dst; /**< remote end */
  uint16_t sport;      /**< local port, host order */
  uint16_t dport;      /**< remote port, host order */
  uint32_t interface;  /**< index of the interface that the socket is bound to, 0 = none */
  uint64_t cookie;     /**< unique on this machine until reboot (SO_COOKIE) */
} tcpinfo_socket_id;

/** As `cookie` in a query: any. */
#define TCPINFO_ANY_COOKIE UINT64_MAX

/** What the kernel said of one socket: struct inet_diag_msg and the attributes after it. A view. */
typedef struct tcpinfo_message {
  const void* bytes; /**< not aligned; NULL where there is no message */
  size_t length;     /**< of these: at least 72, or 0 */
} tcpinfo_message;

/** A moment. All of it zero: no time is told. */
typedef struct tcpinfo_timestamp {
  int64_t seconds;            /**< since 1970-01-01T00:00:00Z */
  uint32_t nanoseconds;       /**< 0..999,999,999 */
  int32_t utc_offset_seconds; /**< with which it is written; east of UTC positive, whole minutes */
} tcpinfo_timestamp;

/**
 * The ends, interface and cookie of a message.
 * @return 0; TCPINFO_E_MESSAGE_TOO_SHORT below 72 bytes.
 */
TCPINFO_C_API int tcpinfo_message_id(const tcpinfo_message* message,
                                     tcpinfo_socket_id* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The same of a TCP socket of this process, by its descriptor.
 * @return 0; -ENOTCONN where there is no remote end, -EBADF, -ENOTSOCK;
 * TCPINFO_E_INVALID_ARGUMENT for a socket that is neither IPv4 nor IPv6.
 */
TCPINFO_C_API int tcpinfo_socket_id_of(int descriptor,
                                       tcpinfo_socket_id* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Both ends as text, "192.0.2.1:443 -> [2001:db8::1]:50000".
 * @param id   whose ends are written; may be NULL
 * @param text where it is written, NUL-terminated and cut where `size` is too small; may be NULL
 * @param size bytes there are at `text`, for the NUL as well; 0: nothing is written
 * @return length of the whole text, without NUL; 0 where `id` is NULL. 128 bytes always suffice.
 * Any thread.
 */
TCPINFO_C_API size_t tcpinfo_id_text(const tcpinfo_socket_id* id, char* text,
                                     size_t size) TCPINFO_C_NOEXCEPT;

/** TCP states as the kernel numbers them; a newer kernel may tell others. Values are frozen. */
enum tcpinfo_state {
  TCPINFO_STATE_ESTABLISHED = 1,    /**< both ends may send */
  TCPINFO_STATE_SYN_SENT = 2,       /**< connecting: SYN sent */
  TCPINFO_STATE_SYN_RECV = 3,       /**< being connected to: SYN received */
  TCPINFO_STATE_FIN_WAIT1 = 4,      /**< closed here, the FIN not acknowledged yet */
  TCPINFO_STATE_FIN_WAIT2 = 5,      /**< closed here, the peer may still send */
  TCPINFO_STATE_TIME_WAIT = 6,      /**< closed by both, kept for late segments */
  TCPINFO_STATE_CLOSE = 7,          /**< not connected, or at its end */
  TCPINFO_STATE_CLOSE_WAIT = 8,     /**< closed by the peer, not here yet */
  TCPINFO_STATE_LAST_ACK = 9,       /**< closed by both, the FIN sent last not acknowledged yet */
  TCPINFO_STATE_LISTEN = 10,        /**< waits for connections */
  TCPINFO_STATE_CLOSING = 11,       /**< closed by both at once */
  TCPINFO_STATE_NEW_SYN_RECV = 12,  /**< a half-open connection of a listener; dumps say SYN_RECV */
  TCPINFO_STATE_BOUND_INACTIVE = 13 /**< bound, neither listening nor connected; asked for since
                                         Linux 6.8, and reported as CLOSE */
};

/** The kernel's name of a TCP state, "ESTABLISHED"; "" for a number without one. Static storage. */
TCPINFO_C_API const char* tcpinfo_state_name(uint32_t state) TCPINFO_C_NOEXCEPT;

/** The state that a message tells, a tcpinfo_state; 0 for NULL and below 72 bytes. */
TCPINFO_C_API uint32_t tcpinfo_message_state(const tcpinfo_message* message) TCPINFO_C_NOEXCEPT;

/**
 * Attributes of a message as the kernel numbers them; a newer kernel may send others. What groups
 * of fields are numbered by, too (tcpinfo_field.group). Values are frozen.
 */
enum tcpinfo_attribute {
  TCPINFO_ATTRIBUTE_MEMINFO = 1,          /**< struct inet_diag_meminfo */
  TCPINFO_ATTRIBUTE_INFO = 2,             /**< struct tcp_info */
  TCPINFO_ATTRIBUTE_VEGASINFO = 3,        /**< struct tcpvegas_info, of Vegas and its like */
  TCPINFO_ATTRIBUTE_CONG = 4,             /**< name of the congestion control algorithm */
  TCPINFO_ATTRIBUTE_TOS = 5,              /**< u8, type of service */
  TCPINFO_ATTRIBUTE_TCLASS = 6,           /**< u8, IPv6 traffic class */
  TCPINFO_ATTRIBUTE_SKMEMINFO = 7,        /**< u32 each, as SK_MEMINFO_* number them */
  TCPINFO_ATTRIBUTE_SHUTDOWN = 8,         /**< u8, directions shut down */
  TCPINFO_ATTRIBUTE_DCTCPINFO = 9,        /**< struct tcp_dctcp_info */
  TCPINFO_ATTRIBUTE_PROTOCOL = 10,        /**< u8, IPPROTO_* */
  TCPINFO_ATTRIBUTE_SKV6ONLY = 11,        /**< u8, IPV6_V6ONLY */
  TCPINFO_ATTRIBUTE_LOCALS = 12,          /**< SCTP: local addresses */
  TCPINFO_ATTRIBUTE_PEERS = 13,           /**< SCTP: addresses of the peer */
  TCPINFO_ATTRIBUTE_PAD = 14,             /**< filler before a 64-bit value */
  TCPINFO_ATTRIBUTE_MARK = 15,            /**< u32, SO_MARK; only with CAP_NET_ADMIN */
  TCPINFO_ATTRIBUTE_BBRINFO = 16,         /**< struct tcp_bbr_info */
  TCPINFO_ATTRIBUTE_CLASS_ID = 17,        /**< u32, traffic class or priority */
  TCPINFO_ATTRIBUTE_MD5SIG = 18,          /**< struct tcp_diag_md5sig, any number: secret keys */
  TCPINFO_ATTRIBUTE_ULP_INFO = 19,        /**< attributes of its own: the upper layer protocol */
  TCPINFO_ATTRIBUTE_SK_BPF_STORAGES = 20, /**< BPF storage of the socket */
  TCPINFO_ATTRIBUTE_CGROUP_ID = 21,       /**< u64, control group */
  TCPINFO_ATTRIBUTE_SOCKOPT = 22          /**< struct inet_diag_sockopt */
};

/* ------------------------------------------------------------------------------------------------
 * Fields
 */

/** What kind of value a field has. Values are frozen. */
enum tcpinfo_field_type {
  TCPINFO_TYPE_U8 = 1,      /**< a number of up to 8 bits */
  TCPINFO_TYPE_U16 = 2,     /**< up to 16 bits */
  TCPINFO_TYPE_U32 = 3,     /**< up to 32 bits */
  TCPINFO_TYPE_U64 = 4,     /**< up to 64 bits */
  TCPINFO_TYPE_BOOLEAN = 5, /**< a number, 0 or 1 */
  TCPINFO_TYPE_TEXT = 6,    /**< read by tcpinfo_snapshot_text() */
  TCPINFO_TYPE_ADDRESS = 7  /**< read by tcpinfo_snapshot_address() */
};

/** What is known about a field. Texts have static storage. */
typedef struct tcpinfo_field {
  size_t size;              /**< of the struct: TCPINFO_INIT() */
  uint32_t id;              /**< its number, which never changes */
  uint32_t group;           /**< 0: header; else the tcpinfo_attribute it stands in */
  uint32_t type;            /**< tcpinfo_field_type */
  uint32_t has_sentinel;    /**< 1 where one value means "never measured", "not set", "unlimited" */
  uint64_t sentinel;        /**< that value */
  const char* name;         /**< the kernel's, without tcpi_; unique in its group */
  const char* csv_name;     /**< with the unit; unique: the column of tables */
  const char* group_name;   /**< "header", "info", "skmeminfo" … */
  const char* unit_name;    /**< "us", "bytes", "segments" …; may be empty */
  const char* first_kernel; /**< first mainline kernel that sends it, "4.19" */
  const char* meaning;      /**< one line of English */
} tcpinfo_field;

/** Number of fields known. */
TCPINFO_C_API size_t tcpinfo_field_count(void) TCPINFO_C_NOEXCEPT;

/**
 * The field number `index` in the order of their places; later releases add fields in between.
 * @return 0; TCPINFO_E_UNKNOWN_FIELD from tcpinfo_field_count() on.
 */
TCPINFO_C_API int tcpinfo_field_at(size_t index,
                                   tcpinfo_field* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** The field of that number. @return 0; TCPINFO_E_UNKNOWN_FIELD. */
TCPINFO_C_API int tcpinfo_field_by_id(uint32_t id,
                                      tcpinfo_field* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The field of that name: "rtt_us" (csv_name), or "info.rtt" (group and name).
 * @return 0; TCPINFO_E_UNKNOWN_FIELD.
 */
TCPINFO_C_API int tcpinfo_field_by_name(const char* name,
                                        tcpinfo_field* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Decoding
 */

/** Which of two layouts the word at byte 276 of tcp_info has. Values are frozen. */
enum tcpinfo_layout {
  TCPINFO_LAYOUT_UNKNOWN = 0, /**< only the word itself is read */
  TCPINFO_LAYOUT_A = 1,       /**< Linux 6.18 and 6.19 */
  TCPINFO_LAYOUT_B = 2        /**< from Linux 7.0 on */
};

/**
 * The layout of the kernel that runs. Reads a few MB of the kernel's type information: ask once.
 * @return a tcpinfo_layout. Any thread.
 */
TCPINFO_C_API uint32_t tcpinfo_kernel_layout(void) TCPINFO_C_NOEXCEPT;

/** One message, decoded. It refers to the message's bytes. */
typedef struct tcpinfo_snapshot tcpinfo_snapshot;

/** Makes a snapshot of nothing. The caller frees it. @return 0; TCPINFO_E_OUT_OF_MEMORY. */
TCPINFO_C_API int tcpinfo_snapshot_new(tcpinfo_snapshot** out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Frees a snapshot; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_snapshot_free(tcpinfo_snapshot* snapshot) TCPINFO_C_NOEXCEPT;

/**
 * Takes a message in place of the one before. Attributes may be missing, unknown and of any length.
 * @param snapshot which refers to the message's bytes and copies none
 * @param message  whose bytes must stay, unchanged, until the next decoding or
 * tcpinfo_snapshot_free()
 * @param layout   of the kernel that sent it: tcpinfo_kernel_layout(), tcpinfo_record.layout
 * @return 0; TCPINFO_E_MESSAGE_TOO_SHORT, TCPINFO_E_OUT_OF_MEMORY: then it holds nothing;
 * TCPINFO_E_INVALID_ARGUMENT (no such layout): then it holds what it held.
 */
TCPINFO_C_API int tcpinfo_snapshot_decode(tcpinfo_snapshot* snapshot,
                                          const tcpinfo_message* message,
                                          uint32_t layout) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Reads a number, by the field's number.
 * @return 1; 0 where the field is absent, `out` untouched; TCPINFO_E_UNKNOWN_FIELD;
 * TCPINFO_E_WRONG_TYPE.
 */
TCPINFO_C_API int tcpinfo_snapshot_value(const tcpinfo_snapshot* snapshot, uint32_t field,
                                         uint64_t* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** The same, but a field whose value is its sentinel (tcpinfo_field.sentinel) is absent. */
TCPINFO_C_API int tcpinfo_snapshot_measured(const tcpinfo_snapshot* snapshot, uint32_t field,
                                            uint64_t* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** tcpinfo_snapshot_value() by the field's name, as tcpinfo_field_by_name() takes it. Slower. */
TCPINFO_C_API int tcpinfo_snapshot_value_of(const tcpinfo_snapshot* snapshot, const char* name,
                                            uint64_t* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Reads a text: a view into the message, not NUL-terminated.
 * @return as tcpinfo_snapshot_value().
 */
TCPINFO_C_API int tcpinfo_snapshot_text(const tcpinfo_snapshot* snapshot, uint32_t field,
                                        const char** text,
                                        size_t* size) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Reads an address. @return as tcpinfo_snapshot_value(). */
TCPINFO_C_API int tcpinfo_snapshot_address(const tcpinfo_snapshot* snapshot, uint32_t field,
                                           tcpinfo_address* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Whether a group (tcpinfo_field.group) is there: 1 or 0. */
TCPINFO_C_API int tcpinfo_snapshot_has_group(const tcpinfo_snapshot* snapshot,
                                             uint32_t group) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Dumps and queries
 */

/** The bit of a tcpinfo_state in tcpinfo_dump_options.states; 0 for what is none of 1 to 31. */
#define TCPINFO_STATE_BIT(state) \
  ((state) > 0 && (state) < 32 ? UINT32_C(1) << (31 & (state)) : UINT32_C(0))
/** Every state that a connection may be in: not LISTEN, and none that is only bound. */
#define TCPINFO_STATES_CONNECTIONS UINT32_C(0x1bfe)
/** Every state of a socket. */
#define TCPINFO_STATES_ALL UINT32_C(0x3ffe)
/** All attributes that the kernel is willing to send. */
#define TCPINFO_EXTENSIONS_ALL UINT32_C(0xff)
/**
 * The bit of a tcpinfo_attribute in `extensions`; 0 for what is none of 1 to 32. A request takes
 * attributes 1 to 8: the kernel sends the others as it sees fit.
 */
#define TCPINFO_EXTENSION(attribute) \
  ((attribute) > 0 && (attribute) < 33 ? UINT32_C(1) << (31 & ((attribute)-1)) : UINT32_C(0))

/**
 * Which sockets to dump. Zeroed, it asks for nothing (TCPINFO_E_EMPTY_REQUEST): `states` must be
 * set, and `extensions` for more than the header. NULL in its place is TCPINFO_STATES_CONNECTIONS
 * with TCPINFO_EXTENSIONS_ALL. Arrays are the caller's and must stay until the call returns.
 */
typedef struct tcpinfo_dump_options {
  size_t size;                       /**< of the struct: TCPINFO_INIT() */
  uint32_t states;                   /**< bits of TCPINFO_STATE_BIT(); 0: TCPINFO_E_EMPTY_REQUEST */
  uint32_t extensions;               /**< bits of TCPINFO_EXTENSION(); 0: the header alone */
  uint32_t family;                   /**< AF_INET, AF_INET6, or 0: both */
  uint32_t protocol;                 /**< IPPROTO_TCP, IPPROTO_UDP, IPPROTO_MPTCP; 0 = TCP */
  const uint16_t* exclude_sports;    /**< local ports to leave out */
  size_t exclude_sport_count;        /**< of these */
  const tcpinfo_prefix* exclude_src; /**< networks of local ends to leave out */
  size_t exclude_src_count;          /**< of these */
  const tcpinfo_prefix* exclude_dst; /**< networks of remote ends to leave out */
  size_t exclude_dst_count;          /**< of these */
  int64_t timeout_ns;                /**< the kernel's longest silence; 0 = 10 s */
} tcpinfo_dump_options;

/**
 * What to ask of one socket. Zeroed, it asks for the header alone. NULL in its place is
 * TCPINFO_EXTENSIONS_ALL.
 */
typedef struct tcpinfo_query_options {
  size_t size;         /**< of the struct: TCPINFO_INIT() */
  uint32_t extensions; /**< bits of TCPINFO_EXTENSION(); 0: the header alone */
  uint32_t protocol;   /**< IPPROTO_TCP or IPPROTO_UDP; 0 = TCP */
  int64_t timeout_ns;  /**< the kernel's longest silence; 0 = 10 s */
} tcpinfo_query_options;

/** How to open a tcpinfo_socket. */
typedef struct tcpinfo_socket_options {
  size_t size; /**< of the struct: TCPINFO_INIT() */
  /**
   * Descriptor of the network namespace to ask in (/proc/PID/ns/net, /run/netns/NAME), which stays
   * the caller's. 0 or -1: the namespace that the calling thread is in. So descriptor 0, where it
   * is a namespace's, must be duplicated first (dup(2)).
   */
  int netns;
  uint32_t reserved; /**< 0 */
} tcpinfo_socket_options;

/** Receives a message, which is valid until the callback returns. @return 0 to go on. */
typedef int (*tcpinfo_message_callback)(void* user, const tcpinfo_message* message);

/** A netlink socket for dumps and queries. It needs no privilege. */
typedef struct tcpinfo_socket tcpinfo_socket;

/**
 * Opens a socket.
 * @param out     the handle; the caller owns it until tcpinfo_socket_close()
 * @param options NULL: the defaults
 * @return 0; -errno of socket(2), bind(2) or setns(2); -EPROTONOSUPPORT: no sock_diag in this
 * kernel; TCPINFO_E_INVALID_ARGUMENT; TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_socket_open(tcpinfo_socket** out, const tcpinfo_socket_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Closes and frees it; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_socket_close(tcpinfo_socket* socket) TCPINFO_C_NOEXCEPT;

/**
 * Walks the kernel's TCP sockets and hands each message to `callback`. The walk is no snapshot:
 * where others open and close meanwhile a socket may come twice, or not at all.
 * @param socket   through which the kernel is asked
 * @param options  NULL: all connections, with all attributes
 * @param callback called by the calling thread, before this returns
 * @param user     handed to `callback` as it is; may be NULL
 * @return 0 where the kernel said that it is finished and nothing was lost; TCPINFO_E_STOPPED;
 * otherwise the first fault, the messages before it having been delivered: -ENOENT (no tcp_diag in
 * this kernel), -ETIMEDOUT (the kernel was silent for too long), TCPINFO_E_DUMP_INCOMPLETE ….
 */
TCPINFO_C_API int tcpinfo_socket_dump(tcpinfo_socket* socket, const tcpinfo_dump_options* options,
                                      tcpinfo_message_callback callback,
                                      void* user) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Dumps, and keeps a copy of all messages, some 500 bytes a socket: tcpinfo_socket_collected()
 * gives them one by one. It waits for the end of the dump. What was left of an earlier one is
 * dropped.
 * @param socket  which owns the copies until its next tcpinfo_socket_collect(), or its end
 * @param options as tcpinfo_socket_dump()
 * @return 0; what is wrong with the options; the faults of the dump are what
 * tcpinfo_socket_collected() returns.
 */
TCPINFO_C_API int tcpinfo_socket_collect(
    tcpinfo_socket* socket, const tcpinfo_dump_options* options) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The next message of what was collected.
 * @param socket of tcpinfo_socket_collect(); 0 is returned where nothing was collected
 * @param out    valid until the next call with this handle
 * @return 1; 0 at the end; where the dump had a fault that, once, after the messages before it.
 */
TCPINFO_C_API int tcpinfo_socket_collected(tcpinfo_socket* socket,
                                           tcpinfo_message* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Asks for one socket: no walk. See tcpinfo_socket_id_of() for a socket of one's own.
 * @param socket  through which the kernel is asked
 * @param id      of the socket asked for; its `cookie` may be TCPINFO_ANY_COOKIE
 * @param options NULL: all attributes
 * @param out     valid until the next call with this handle
 * @return 0; -ENOENT or -ESTALE (another cookie) where there is no such socket; -ETIMEDOUT: the
 * kernel was silent for too long; TCPINFO_E_INVALID_ARGUMENT.
 */
TCPINFO_C_API int tcpinfo_socket_query(tcpinfo_socket* socket, const tcpinfo_socket_id* id,
                                       const tcpinfo_query_options* options,
                                       tcpinfo_message* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Sockets that end
 */

/** Hears of every TCP socket that ends, with its final counters. It needs no privilege. */
typedef struct tcpinfo_listener tcpinfo_listener;

/** How to open a tcpinfo_listener. */
typedef struct tcpinfo_listener_options {
  size_t size;           /**< of the struct: TCPINFO_INIT() */
  size_t receive_buffer; /**< bytes of queue to ask of the kernel; 0 = its default */
  int netns;             /**< as in tcpinfo_socket_options; 0 or -1: the calling thread's */
  uint32_t reserved;     /**< 0 */
} tcpinfo_listener_options;

/**
 * Opens a listener. From now on the kernel queues the messages.
 * @param out     the handle; the caller owns it until tcpinfo_listener_close()
 * @param options NULL: the defaults
 * @return 0; -errno of socket(2), bind(2), setsockopt(2) or setns(2); TCPINFO_E_INVALID_ARGUMENT;
 * TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_listener_open(tcpinfo_listener** out,
                                        const tcpinfo_listener_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Closes and frees it; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_listener_close(tcpinfo_listener* listener) TCPINFO_C_NOEXCEPT;

/** Readable when a message is queued, for poll(2). The listener's own; -1 for NULL. */
TCPINFO_C_API int tcpinfo_listener_descriptor(const tcpinfo_listener* listener) TCPINFO_C_NOEXCEPT;

/**
 * Hands over what is queued, without waiting: header and tcp_info of each socket in state CLOSE.
 * @return 0 when the queue is empty; TCPINFO_E_STOPPED: what had been received and not been handed
 * over comes with the next call, which is to be made before waiting, because the descriptor does
 * not tell of it; -errno of recvmmsg(2).
 */
TCPINFO_C_API int tcpinfo_listener_receive(tcpinfo_listener* listener,
                                           tcpinfo_message_callback callback,
                                           void* user) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The next message, without waiting.
 * @param listener whose queue is read
 * @param out      valid until the next call with this handle
 * @return 1; 0 where nothing is queued; -errno of recvmmsg(2).
 */
TCPINFO_C_API int tcpinfo_listener_next(tcpinfo_listener* listener,
                                        tcpinfo_message* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** How often the kernel's queue was full: messages were lost each time. 0 for NULL. */
TCPINFO_C_API uint64_t tcpinfo_listener_overflows(const tcpinfo_listener* listener)
    TCPINFO_C_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------
 * Archives
 */

/** What the first line of an archive says. Texts are NUL-terminated; NULL: not told. */
typedef struct tcpinfo_metadata {
  size_t size;                  /**< of the struct: TCPINFO_INIT() */
  const char* uuid;             /**< of the connection, as in the file's name */
  uint64_t sequence;            /**< number of the file among those of its connection */
  tcpinfo_timestamp start_time; /**< first sight of the connection */
  tcpinfo_timestamp opened;     /**< when it began to open */
  const char* host;             /**< of the machine */
  const char* kernel;           /**< release, as of uname(2) */
  const char* collector;        /**< program and version */
  const char* interval;         /**< between polls, such as "10ms" */
  const char* run;              /**< poll numbers are comparable within one run */
  const char* netns;            /**< where not the collector's own */
  const char* byte_order;       /**< "little" or "big"; when writing NULL: this machine's */
  const char* policy;           /**< what was left out on purpose, such as "sample=1/100" */
  const char* cgroup;           /**< control group of the connection's owner */
  const char* owner;            /**< how the owner was found, such as "connect" */
  const char* pid;              /**< the owner's process, in decimal */
  const char* comm;             /**< name of the process */
  const char* executable;       /**< path of its program */
} tcpinfo_metadata;

/** `poll` is told. */
#define TCPINFO_RECORD_HAS_POLL UINT32_C(1)
/** Reading: of a zstd frame that is damaged, whose fault follows; it may not be what was written.
 */
#define TCPINFO_RECORD_DAMAGED UINT32_C(2)
/** Reading: recorded on a machine of the other byte order. Numbers have to be turned. */
#define TCPINFO_RECORD_FOREIGN UINT32_C(4)
/**
 * Reading a segment: the first record of an archive in a block, mostly its metadata. What was known
 * of the archive before does not hold, unless tcpinfo_reader_archive() says that it is the same.
 */
#define TCPINFO_RECORD_BEGINS_ARCHIVE UINT32_C(8)
/**
 * Reading a segment, with TCPINFO_RECORD_BEGINS_ARCHIVE: the archive goes on. Earlier records of it
 * were given before, in this segment or the one before it, and where this record is metadata that
 * is not kept as text (tcpinfo_reader_line()) it was given, too; of the owner it may say more now.
 */
#define TCPINFO_RECORD_GOES_ON UINT32_C(16)

/** One record of an archive: a message with its time, or metadata. */
typedef struct tcpinfo_record {
  size_t size;             /**< of the struct: TCPINFO_INIT() */
  tcpinfo_timestamp time;  /**< when the message was read from the kernel */
  tcpinfo_message message; /**< NULL in a metadata record */
  uint64_t poll;           /**< in which it was seen, with TCPINFO_RECORD_HAS_POLL */
  tcpinfo_timestamp ended; /**< when the connection ended, where that is not `time` */
  uint32_t carried;        /**< what was taken from the record before it: docs/format.md */
  uint32_t flags;          /**< bits of TCPINFO_RECORD_… */
  uint32_t layout;         /**< reading: tcpinfo_layout, by the kernel that metadata names */
  uint32_t thinned;        /**< changes that the recorder left out on purpose before it */
  uint64_t line;           /**< reading: number of the line, of a segment of the record, from 1 */
  /**
   * NULL in a record of a message. Reading: the library's, whose own `size` says how much of it may
   * be read.
   */
  const tcpinfo_metadata* metadata;
} tcpinfo_record;

/**
 * Reads the records of an archive, zstd or plain, or of a segment, in whatever condition; the
 * content tells which of them it is. A segment holds many archives. Its records come as those of
 * archives, one archive after the other within a block of it, and each time an archive begins or
 * goes on, its metadata record comes first, where it has one (TCPINFO_RECORD_BEGINS_ARCHIVE).
 */
typedef struct tcpinfo_reader tcpinfo_reader;

/** How an archive or a segment is read. */
typedef struct tcpinfo_reader_options {
  size_t size;     /**< of the struct: TCPINFO_INIT() */
  size_t max_line; /**< bytes of the longest line taken, newline apart; 0 = 16,777,216 */
  /**
   * Largest window of a zstd frame, as a power of two, 10 to 31: what bounds the memory that it can
   * ask for (TCPINFO_E_WINDOW_TOO_LARGE); 0 = 27.
   */
  int32_t max_window_log;
  uint32_t reserved; /**< 0 */
} tcpinfo_reader_options;

/**
 * Opens a file.
 * @param out     the handle; the caller owns it until tcpinfo_reader_close()
 * @param path    of the file, NUL-terminated; only looked at during the call
 * @param options NULL: the defaults
 * @return 0; -errno of open(2); TCPINFO_E_INVALID_ARGUMENT; TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_reader_open_path(tcpinfo_reader** out, const char* path,
                                           const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Reads from where a descriptor stands, which stays the caller's and must outlive the reader.
 * Else as tcpinfo_reader_open_path().
 */
TCPINFO_C_API int tcpinfo_reader_open_fd(tcpinfo_reader** out, int descriptor,
                                         const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Reads memory, which stays the caller's and must outlive the reader. Else as
 * tcpinfo_reader_open_path().
 */
TCPINFO_C_API int tcpinfo_reader_open_memory(tcpinfo_reader** out, const void* bytes, size_t size,
                                             const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Closes and frees it; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_reader_close(tcpinfo_reader* reader) TCPINFO_C_NOEXCEPT;

/**
 * The next record.
 * @param reader of the archive
 * @param out    filled as far as its `size` says; what it points to is valid until the next call
 *               with this handle
 * @return 1; 0 at the end. Less than 0: a line, a zstd frame or a block of a segment is damaged
 * (tcpinfo_reader_line() tells where). That is told once, and the next call goes on behind it. An
 * error that nothing can be read behind, of read(2) say, is told once, too, and then comes the end.
 */
TCPINFO_C_API int tcpinfo_reader_next(tcpinfo_reader* reader,
                                      tcpinfo_record* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Receives a record, or a fault: `result` is 1 or less than 0, as tcpinfo_reader_next() returns it,
 * and `record` NULL with a fault. Valid until it returns. @return 0 to go on.
 */
typedef int (*tcpinfo_record_callback)(void* user, int result, const tcpinfo_record* record);

/**
 * Hands over all records and faults that follow.
 * @return 0 at the end, however many faults there were; TCPINFO_E_STOPPED; TCPINFO_E_BUSY;
 * TCPINFO_E_INVALID_ARGUMENT.
 */
TCPINFO_C_API int tcpinfo_reader_each(tcpinfo_reader* reader, tcpinfo_record_callback callback,
                                      void* user) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Fields over records as arrays. All arrays are the caller's. */
typedef struct tcpinfo_columns {
  size_t size;            /**< of the struct: TCPINFO_INIT() */
  size_t rows;            /**< how many records there is room for */
  const uint32_t* fields; /**< numbers of fields that are numbers */
  size_t field_count;     /**< of these */
  uint64_t* values;  /**< field_count times rows: field i of record j is values[i * rows + j] */
  uint8_t* present;  /**< the same: 1, or 0 where the field is absent (its value is 0 then) */
  int64_t* times_ns; /**< rows: nanoseconds since 1970, INT64_MIN without time; may be NULL */
  uint32_t keep_sentinels; /**< 0: a field whose value is its sentinel is absent */
  uint32_t reserved;       /**< 0 */
} tcpinfo_columns;

/**
 * Reads the fields of the records that follow, as many as there is room for; metadata records are
 * passed over. Of a segment, those of all its archives: "cookie" among the fields tells them apart.
 * @param reader  of the archive
 * @param columns the fields, at least one row, and the arrays to fill; only used during the call
 * @param read    how many there were: fewer than `rows` at the end and before a fault
 * @return 1 where there may be more; 0 at the end (`read` may be more than 0); a fault as
 * tcpinfo_reader_next() tells it, with `read` set as well; TCPINFO_E_FOREIGN_BYTE_ORDER at a record
 * of another byte order, which is passed over; TCPINFO_E_UNKNOWN_FIELD, TCPINFO_E_WRONG_TYPE:
 * nothing was read.
 */
TCPINFO_C_API int tcpinfo_reader_columns(tcpinfo_reader* reader, const tcpinfo_columns* columns,
                                         size_t* read) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The latest line, good or bad: its number (from 1; 0 before the first) and its text, not
 * NUL-terminated, valid until the next call with this handle; empty where it was too long. Of a
 * segment: the number of the latest record, and the text of a line that is kept as text, else an
 * empty one. `text` and `size` may both be NULL.
 */
TCPINFO_C_API uint64_t tcpinfo_reader_line(const tcpinfo_reader* reader, const char** text,
                                           size_t* size) TCPINFO_C_NOEXCEPT;

/** 1 where it reads a segment, 0 where an archive; known from the first record on. 0 for NULL. */
TCPINFO_C_API int tcpinfo_reader_is_segment(const tcpinfo_reader* reader) TCPINFO_C_NOEXCEPT;

/**
 * Of a segment: the name of the archive that the latest record belongs to, as its file would be
 * called (2026/01/31/UUID.00000.jsonl.zst), NUL-terminated, valid until the next call with this
 * handle. NULL where it has none, of an archive, before the first record, and for NULL.
 */
TCPINFO_C_API const char* tcpinfo_reader_archive(const tcpinfo_reader* reader) TCPINFO_C_NOEXCEPT;

/**
 * Of a segment: how many records were in damaged blocks, as far as blocks behind them have told.
 * 0 of an archive, and for NULL.
 */
TCPINFO_C_API uint64_t tcpinfo_reader_missing(const tcpinfo_reader* reader) TCPINFO_C_NOEXCEPT;

/* Apache Arrow's C data interface and C stream interface, as their specifications have them. A
 * program that includes another header with them has them once. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

/** The type of an array. Whoever has it calls `release`, which is NULL in one that has none. */
struct ArrowSchema {
  const char* format;   /**< the type in Arrow's format strings */
  const char* name;     /**< of the column */
  const char* metadata; /**< here NULL */
  int64_t flags;        /**< bits of ARROW_FLAG_… */
  int64_t n_children;   /**< of a struct: its columns */
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary; /**< here NULL */
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

/** An array. Whoever has it calls `release`, which is NULL in one that has none. */
struct ArrowArray {
  int64_t length;     /**< rows */
  int64_t null_count; /**< of these */
  int64_t offset;     /**< here 0 */
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary; /**< here NULL */
  void (*release)(struct ArrowArray*);
  void* private_data;
};

#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/** Arrays of one type, one after the other. Functions return 0 or an errno. */
struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out); /**< at the end: released */
  const char* (*get_last_error)(struct ArrowArrayStream*); /**< valid until the next call */
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};

#endif

/** Receives a fault as tcpinfo_reader_next() returns it, and its line. @return 0 to go on. */
typedef int (*tcpinfo_fault_callback)(void* user, int result, uint64_t line);

/** What a stream of records holds. */
typedef struct tcpinfo_arrow_options {
  size_t size;            /**< of the struct: TCPINFO_INIT() */
  const uint32_t* fields; /**< numbers of fields; only used during the call */
  size_t field_count;     /**< of these; 0: all fields */
  size_t rows;            /**< of an array at most; 0 = 65,536 */
  /**
   * NULL: a fault ends the stream, behind the rows before it. Else it is told, and reading goes on.
   */
  tcpinfo_fault_callback on_fault;
  void (*on_release)(void* user); /**< called when the stream has been released; may be NULL */
  void* user;                     /**< for the callbacks */
  uint32_t keep_sentinels;        /**< 0: a field whose value is its sentinel is null */
  uint32_t reserved;              /**< 0 */
} tcpinfo_arrow_options;

/**
 * The records that follow as a stream of Apache Arrow: arrays of structs with the columns `uuid`
 * (text, of the archive's metadata), `timestamp` and `ended` (timestamps in nanoseconds, UTC,
 * without a time zone), `poll` (uint64), and the fields by their csv_name: uint8 to uint64 and bool
 * as tcpinfo_field.type says, texts and addresses as text. What is absent is null, and so is a time
 * that 64 bits of nanoseconds do not hold; bytes that are not UTF-8 are U+FFFD. Metadata records
 * are passed over. Arrays own their memory: they stay when the stream is released. One thread at a
 * time uses the stream, whichever it is; callbacks run in it.
 * @param reader  of the archive or segment. After 0 it belongs to the stream, whose release()
 * closes it: the handle is not used any more. What it reads (a descriptor, memory) must outlive the
 * stream
 * @param options NULL: all fields
 * @param out     filled; the caller owns it. get_next() returns EIO for a fault that is no error of
 *                the system, and get_last_error() says what and where; it says the same from then
 * on
 * @return 0; TCPINFO_E_UNKNOWN_FIELD, TCPINFO_E_INVALID_ARGUMENT, TCPINFO_E_BUSY,
 * TCPINFO_E_OUT_OF_MEMORY: the reader is still the caller's.
 */
TCPINFO_C_API int tcpinfo_reader_arrow(tcpinfo_reader* reader, const tcpinfo_arrow_options* options,
                                       struct ArrowArrayStream* out)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Summaries and columns of segments
 */

/**
 * Reads of a segment its summaries, or some columns of its messages: in a fraction of the time that
 * tcpinfo_reader takes, which gives all records. Which of the two, the first call says; to read the
 * other as well, open it again.
 */
typedef struct tcpinfo_segment tcpinfo_segment;

/** A number of a summary. docs/segment.md tells the fields. */
typedef struct tcpinfo_summary_value {
  uint32_t field;    /**< its number */
  uint32_t reserved; /**< 0 */
  uint64_t value;    /**< signed ones as two's complement */
} tcpinfo_summary_value;

/** How many round-trip times of a connection fall together, in microseconds. */
typedef struct tcpinfo_summary_bucket {
  uint32_t lowest;  /**< smallest of them */
  uint32_t highest; /**< largest of them */
  uint64_t count;   /**< records */
} tcpinfo_summary_bucket;

/** What the records of one archive in a segment come to. */
typedef struct tcpinfo_summary {
  size_t size;                         /**< of the struct: TCPINFO_INIT() */
  const tcpinfo_summary_value* values; /**< by ascending field, each once */
  size_t value_count;                  /**< of these */
  const tcpinfo_summary_bucket* rtts;  /**< ascending, none of them empty */
  size_t rtt_count;                    /**< of these */
  const char* congestion_control;      /**< the last one, NUL-terminated; NULL: not told */
  uint32_t goes_on;  /**< 1: there are earlier records of the archive, of which it does not tell */
  uint32_t reserved; /**< 0 */
} tcpinfo_summary;

/** As tcpinfo_segment_column.attribute: struct inet_diag_msg, the head of each message. */
#define TCPINFO_SEGMENT_HEAD UINT32_MAX

/** Bytes of messages that are wanted as a number. */
typedef struct tcpinfo_segment_column {
  uint32_t attribute; /**< tcpinfo_attribute that they are in, or TCPINFO_SEGMENT_HEAD */
  uint16_t offset;    /**< of the first one, in bytes from where the attribute's payload begins */
  uint16_t width;     /**< 1, 2, 4 or 8 of them; over no more than two words of 32 bits */
} tcpinfo_segment_column;

/** As tcpinfo_segment_columns.polls: not told. */
#define TCPINFO_NO_POLL UINT64_MAX

/** Columns of the messages that one archive has in a block of a segment. */
typedef struct tcpinfo_segment_columns {
  size_t size;         /**< of the struct: TCPINFO_INIT() */
  size_t rows;         /**< how many messages there are */
  size_t column_count; /**< how many columns: those wanted when the block began; 0 without rows */
  const int64_t* times_ns; /**< rows: nanoseconds since 1970 */
  const uint64_t* polls;   /**< rows: in which each was seen, or TCPINFO_NO_POLL */
  /**
   * Column i of message j is values[i * rows + j], 0 where the message does not have it: the bytes
   * as a number of this machine. What the kernel has in network order (ports, addresses), and what
   * a machine of the other byte order has recorded, is to be turned.
   */
  const uint64_t* values;
  const uint8_t* present; /**< the same: 1, or 0 where it is absent; NULL: nothing is absent */
  uint32_t lines;         /**< records of the archive that are kept as text, and not here */
  uint32_t goes_on;       /**< 1: earlier records of the archive are in a block or file before */
} tcpinfo_segment_columns;

/**
 * Opens a file. What is no segment opens, and has faults.
 * @param out     the handle; the caller owns it until tcpinfo_segment_close()
 * @param path    of the file, NUL-terminated; only looked at during the call
 * @param options NULL: the defaults; `max_line` plays no part
 * @return as tcpinfo_reader_open_path()
 */
TCPINFO_C_API int tcpinfo_segment_open_path(tcpinfo_segment** out, const char* path,
                                            const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** The same from where a descriptor stands, which stays the caller's and must outlive it. */
TCPINFO_C_API int tcpinfo_segment_open_fd(tcpinfo_segment** out, int descriptor,
                                          const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** The same of memory, which stays the caller's and must outlive it. */
TCPINFO_C_API int tcpinfo_segment_open_memory(tcpinfo_segment** out, const void* bytes, size_t size,
                                              const tcpinfo_reader_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Closes and frees it; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_segment_close(tcpinfo_segment* segment) TCPINFO_C_NOEXCEPT;

/**
 * The next summary; records are passed over. Of an archive there may be several, each of other
 * records.
 * @param segment whose summaries are read
 * @param out     filled as far as its `size` says; what it points to is valid until the handle
 * reads on, is closed, or is told to want other columns
 * @return 1; 0 at the end; less than 0 as tcpinfo_reader_next(), where a damaged block costs all
 * summaries in it. TCPINFO_E_INVALID_ARGUMENT where columns were read: nothing is done.
 */
TCPINFO_C_API int tcpinfo_segment_next_summary(tcpinfo_segment* segment, tcpinfo_summary* out)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Says which columns tcpinfo_segment_next_columns() gives, from the next block on. They are copied.
 * @return 0; TCPINFO_E_INVALID_ARGUMENT for columns that are none; TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_segment_want_columns(tcpinfo_segment* segment,
                                               const tcpinfo_segment_column* columns,
                                               size_t count) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Those columns of the next archive in a block: no messages are made. Before columns were wanted
 * there are times and polls alone.
 * @param segment whose columns are read
 * @param out     filled as far as its `size` says; what it points to is valid until the handle
 * reads on, is closed, or is told to want other columns
 * @return 1; 0 at the end; less than 0 as tcpinfo_reader_next(), where a damaged block costs all
 * records in it. TCPINFO_E_INVALID_ARGUMENT where summaries were read: nothing is done.
 */
TCPINFO_C_API int tcpinfo_segment_next_columns(
    tcpinfo_segment* segment, tcpinfo_segment_columns* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * The name of the archive that the summary or columns of the latest call belong to, as of
 * tcpinfo_reader_archive(). NULL, too, where that call gave none.
 */
TCPINFO_C_API const char* tcpinfo_segment_archive(const tcpinfo_segment* segment)
    TCPINFO_C_NOEXCEPT;

/**
 * What the first line of that archive says.
 * @param segment whose summary or columns were read
 * @param out     filled as far as its `size` says; what it points to is valid until the next call
 *                of this function, or of one that reads or closes
 * @return 1; 0 where it has none, or one that is kept as text, and where the latest call gave
 * nothing; TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_segment_metadata(tcpinfo_segment* segment, tcpinfo_metadata* out)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * How many records came so far, or were passed over, with those that are missing; 0 for NULL.
 */
TCPINFO_C_API uint64_t tcpinfo_segment_records(const tcpinfo_segment* segment) TCPINFO_C_NOEXCEPT;

/** How many of them were in damaged blocks, as far as blocks behind them have told; 0 for NULL. */
TCPINFO_C_API uint64_t tcpinfo_segment_missing(const tcpinfo_segment* segment) TCPINFO_C_NOEXCEPT;

/* ------------------------------------------------------------------------------------------------
 * Archives, written
 */

/** How an archive is written. */
typedef struct tcpinfo_writer_options {
  size_t size;        /**< of the struct: TCPINFO_INIT() */
  uint32_t plain;     /**< 1: JSON lines, not compressed */
  int32_t level;      /**< of zstd, 1 (fast) to 22 (small); 0 = 3 */
  size_t frame_bytes; /**< text of a zstd frame: what a crash loses at most; 0 = 131,072 */
} tcpinfo_writer_options;

/** Writes an archive. */
typedef struct tcpinfo_writer tcpinfo_writer;

/**
 * Makes a file, with mode 0640 as far as the umask allows it. It must not be there yet.
 * @param out     the handle; the caller owns it until tcpinfo_writer_close()
 * @param path    of the file, NUL-terminated; only looked at during the call
 * @param options NULL: the defaults
 * @return 0; -EEXIST; -errno of open(2); TCPINFO_E_INVALID_ARGUMENT for a level that is none;
 * TCPINFO_E_OUT_OF_MEMORY: then there is no file.
 */
TCPINFO_C_API int tcpinfo_writer_open(tcpinfo_writer** out, const char* path,
                                      const tcpinfo_writer_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Writes one record: a message, or metadata (which comes first in a file), not both. MD5SIG (keys)
 * is left out of messages. It is in the file when its frame is full, or after
 * tcpinfo_writer_close().
 * @return 0; TCPINFO_E_MESSAGE_TOO_SHORT; TCPINFO_E_BAD_TIMESTAMP for a time that cannot be
 * written; TCPINFO_E_INVALID_ARGUMENT; TCPINFO_E_OUT_OF_MEMORY: nothing was written, and others can
 * be. -errno of write(2): all later calls with a valid record return it
 * again.
 */
TCPINFO_C_API int tcpinfo_writer_write(tcpinfo_writer* writer, const tcpinfo_record* record)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/**
 * Writes what is left, closes the file and frees the handle, whatever is returned; NULL is nothing
 * to do. What cannot be written may show only here.
 * @return 0; -errno of write(2) or close(2), and that of an earlier call; TCPINFO_E_OUT_OF_MEMORY:
 * what was not in the file yet is lost.
 */
TCPINFO_C_API int tcpinfo_writer_close(tcpinfo_writer* writer) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Events
 */

/** What happened. Newer collectors tell other numbers, which are handed over as they came. */
enum tcpinfo_event_kind {
  TCPINFO_EVENT_OPENED = 0, /**< seen for the first time; `id` is told */
  TCPINFO_EVENT_CLOSED = 1  /**< it has ended; `id` is not told */
};

/** What tcpinfo-collect --eventsocket tells of one connection. */
typedef struct tcpinfo_event {
  size_t size;            /**< of the struct: TCPINFO_INIT() */
  int64_t kind;           /**< tcpinfo_event_kind, or a newer one's */
  tcpinfo_timestamp time; /**< when the connection was first or last seen */
  const char* uuid;       /**< as in its archive's name, NUL-terminated; NULL where not told */
  uint32_t has_id;        /**< 1 where `id` is told */
  uint32_t reserved;      /**< 0 */
  tcpinfo_socket_id id;   /**< ends and cookie */
  /* Whose it is, where the collector is asked to tell (--events-owner): NUL-terminated, as in
   * tcpinfo_metadata; NULL where not told. */
  const char* cgroup;     /**< control group of the connection's owner */
  const char* owner;      /**< how the owner was found, such as "connect" */
  const char* pid;        /**< the owner's process, in decimal */
  const char* comm;       /**< name of the process */
  const char* executable; /**< path of its program */
} tcpinfo_event;

/** Follows the event socket of a collector. It does not connect again by itself. */
typedef struct tcpinfo_events tcpinfo_events;

/** How events are read. */
typedef struct tcpinfo_events_options {
  size_t size;          /**< of the struct: TCPINFO_INIT() */
  size_t max_line;      /**< bytes of the longest line, newline apart; 0 = 1,048,576 */
  uint32_t nonblocking; /**< 1: tcpinfo_events_next() does not wait, and returns -EAGAIN */
  uint32_t reserved;    /**< 0 */
} tcpinfo_events_options;

/**
 * Connects to an event socket.
 * @param out     the handle; the caller owns it until tcpinfo_events_close()
 * @param path    of the socket's file, NUL-terminated; only looked at during the call
 * @param options NULL: the defaults
 * @return 0; -ENOENT no such file, -ECONNREFUSED nobody listens, another errno of connect(2);
 * TCPINFO_E_INVALID_ARGUMENT, for an empty path as well; TCPINFO_E_OUT_OF_MEMORY.
 */
TCPINFO_C_API int tcpinfo_events_connect(tcpinfo_events** out, const char* path,
                                         const tcpinfo_events_options* options)
    TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Closes and frees it; NULL is nothing to do. */
TCPINFO_C_API void tcpinfo_events_close(tcpinfo_events* events) TCPINFO_C_NOEXCEPT;

/** Readable when there is something to read, for poll(2). The handle's own; -1 for NULL. */
TCPINFO_C_API int tcpinfo_events_descriptor(const tcpinfo_events* events) TCPINFO_C_NOEXCEPT;

/**
 * The next event.
 * @param events whose next event is read; the call waits for it unless the handle is nonblocking
 * @param out    filled as far as its `size` says; what it points to is valid until the next call
 *               with this handle
 * @return 1; 0 where the collector has closed the stream. -EAGAIN: nothing has come (call again
 * when the descriptor is readable); -EINTR: call again; a fault of one line, behind which the next
 * call goes on: TCPINFO_E_BAD_JSON, TCPINFO_E_BAD_TIMESTAMP, TCPINFO_E_LINE_TOO_LONG.
 */
TCPINFO_C_API int tcpinfo_events_next(tcpinfo_events* events,
                                      tcpinfo_event* out) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

/** Receives an event, or a fault, as tcpinfo_record_callback does. @return 0 to go on. */
typedef int (*tcpinfo_event_callback)(void* user, int result, const tcpinfo_event* event);

/**
 * Hands over the events that follow, and waits for them unless the handle is nonblocking.
 * @return 0 at the end of the stream; -EAGAIN where nothing more has come (nonblocking); -EINTR;
 * TCPINFO_E_STOPPED.
 */
TCPINFO_C_API int tcpinfo_events_each(tcpinfo_events* events, tcpinfo_event_callback callback,
                                      void* user) TCPINFO_C_NOEXCEPT TCPINFO_C_CHECK;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
