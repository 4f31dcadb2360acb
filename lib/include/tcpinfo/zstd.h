// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Zstandard as archives use it: a writer of whole frames, and a streaming reader that also takes
/// plain text and says how much of a damaged file can be saved. No zstd type or header shows
/// through.
#ifndef TCPINFO_ZSTD_H
#define TCPINFO_ZSTD_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/items.h>

namespace tcpinfo::inline v0 {

/// How frames are written.
struct frame_options {
  std::size_t size = sizeof(frame_options);  ///< for later members; leave it
  std::int32_t level = 3;                    ///< 1 (fast) to 22 (small)
  /// Largest window as a power of two, 10 to 27; 0 = what the level and the frame's size ask for.
  std::int32_t window_log = 0;
};

/// Compresses buffers into whole frames, each with its content size and a checksum. One compression
/// context serves any number of frames and connections. One thread at a time.
class TCPINFO_API frame_writer final {
 public:
  frame_writer() noexcept = default;
  ~frame_writer();
  /// `other` is default-constructed afterwards: it has no context.
  frame_writer(frame_writer&& other) noexcept;
  /// `other` has what this had.
  frame_writer& operator=(frame_writer&& other) noexcept;
  frame_writer(const frame_writer&) = delete;
  frame_writer& operator=(const frame_writer&) = delete;

  /// Makes the context, or makes it anew.
  /// @return errc::invalid_argument for a level or window out of range, or options unknown here;
  /// errc::out_of_memory.
  [[nodiscard]] std::error_code create(const frame_options& options) noexcept;
  /// The same with that level and else the defaults.
  [[nodiscard]] std::error_code create(std::int32_t level) noexcept {
    frame_options options;
    options.level = level;
    return create(options);
  }

  /// Writes exactly one frame that holds all of `in` (which may be empty) to the start of `out`.
  /// `written` is its length, 0 on error. No state passes from one frame to the next.
  /// @return errc::buffer_too_small (never with bound(in.size()) bytes), errc::out_of_memory,
  /// errc::not_open.
  [[nodiscard]] std::error_code compress(bytes_view in, std::span<std::byte> out,
                                         std::size_t& written) noexcept;

  /// Bytes that suffice for the frame of any `size` bytes.
  [[nodiscard]] static std::size_t bound(std::size_t size) noexcept;

  /// Memory the context holds now, in bytes. It grows with the largest frame so far, up to what the
  /// level asks for.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// How streams are read.
struct stream_options {
  std::size_t size = sizeof(stream_options);  ///< for later members; leave it
  /// Largest window accepted, as a power of two, 10 to 31 (30 where pointers have 32 bits): what
  /// bounds the memory a frame can ask for. 27 (128 MiB) is zstd's own default and more than any
  /// level without --long writes.
  std::int32_t max_window_log = 27;
  std::uint32_t reserved = 0;  ///< leave it
};

/// Hands over the next bytes of an input, `n` of them, at least one unless it has ended: 0 is the
/// end; more than out.size() is errc::invalid_argument. It may block. Any error ends the reading,
/// and is what read() returns. Of the reader that calls it, all functions that open, read or close
/// are errc::busy in it, and it must not be moved or end there.
using read_callback = std::error_code (*)(void* user, std::span<std::byte> out,
                                          std::size_t& n) noexcept;

/// Reads zstd (any number of frames one after the other, skippable ones of any length among them)
/// or plain text; which of the two, the first bytes say and not the file's name. Input that
/// begins neither with a frame nor with a line of JSON is delivered as it is, unless a frame begins
/// in its first 128 KiB: then the first one is damaged. Memory is bounded by the window of the
/// frames plus 3.5 MiB, of which frames of some 100 KiB use 0.5. One thread at a time.
///
/// A frame of up to 1 MiB, 2 MiB of content, is here as a whole and decoded with its checksum
/// before anything of it is delivered; a larger one is delivered block by block.
///
/// Damage costs what is damaged. What can be decoded of a damaged frame is delivered
/// (from_damaged_frame() says so of a frame that is here as a whole); then read() returns
/// errc::truncated_frame (the input ends inside a frame), errc::wrong_checksum (all of the frame
/// was delivered and is not what was written), errc::corrupt_frame (anything else: bad magic, bad
/// block), errc::window_too_large (see window_needed()), errc::dictionary_needed (see
/// dictionary_needed()) or errc::out_of_memory (for it), and the same again on every later call.
/// Nothing after a fault is taken for data, unless resume() is called.
class TCPINFO_API stream_reader final {
 private:
  struct step {
    using value_type = bytes_view;
    stream_reader* from;
    std::span<std::byte> buffer;
    bool after_fault = false;
    read_status operator()(bytes_view& out, std::error_code& fault, read_place& place,
                           bool& last) noexcept {
      // Nothing behind a fault is taken for data unless another frame is found there.
      if (std::exchange(after_fault, false) && !from->resume()) return read_status::end;
      place.offset = from->content_offset();
      std::size_t n = 0;
      fault = buffer.empty() ? std::error_code(errc::invalid_argument) : from->read(buffer, n);
      last = buffer.empty();
      after_fault = static_cast<bool>(fault);
      if (fault) return read_status::fault;
      out = buffer.first(n);
      return n > 0 ? read_status::value : read_status::end;
    }
  };

 public:
  /// What items() gives.
  using items_type = read_range<step>;

  stream_reader() noexcept = default;
  ~stream_reader();
  /// `other` is default-constructed afterwards: it is closed.
  stream_reader(stream_reader&& other) noexcept;
  /// `other` has what this had.
  stream_reader& operator=(stream_reader&& other) noexcept;
  stream_reader(const stream_reader&) = delete;
  stream_reader& operator=(const stream_reader&) = delete;

  /// Reads a file from its start. @return the errno of open(2); errc::out_of_memory;
  /// errc::invalid_argument for options out of range or a path with a NUL in it.
  [[nodiscard]] std::error_code open_path(std::string_view path,
                                          const stream_options& options = {}) noexcept;
  /// Reads from where `fd` stands. The descriptor stays the caller's and must outlive the reading.
  [[nodiscard]] std::error_code open_fd(int fd, const stream_options& options = {}) noexcept;
  /// Reads memory, which must outlive the reading.
  [[nodiscard]] std::error_code open_memory(bytes_view bytes,
                                            const stream_options& options = {}) noexcept;
  /// Not memory that ends here.
  template <class Bytes>
  requires owning_temporary<Bytes> std::error_code open_memory(Bytes&& bytes,
                                                               const stream_options& options = {})
  = delete;
  /// Reads what `fn` hands over, called with `user` from within read() and resume(). Both must
  /// outlive the reading.
  [[nodiscard]] std::error_code open_callback(read_callback fn, void* user,
                                              const stream_options& options = {}) noexcept;
  /// Gives up memory, and the file if it was opened by path.
  std::error_code close() noexcept;

  /// The content piece by piece, as items.h describes it: each item is a view of the part of
  /// `buffer` that was filled, valid until the next step, or a fault as read() has them, behind
  /// which it goes on with the next frame that is found (resume()), or ends. Who wants to stop at
  /// the first fault leaves the loop. An item's place has content_offset() before it as offset. The
  /// buffer must outlive the range; an empty one is the fault errc::invalid_argument.
  [[nodiscard]] items_type items(std::span<std::byte> buffer) noexcept TCPINFO_LIFETIMEBOUND {
    return items_type({this, buffer});
  }

  /// The step beneath items(), for who fills one buffer by many reads.
  /// Delivers the next bytes of content: `n` of them, at least one unless the input has ended or
  /// `out` is empty. `n` == 0 with success is the end.
  /// @return the faults described above; the errno of read(2); errc::not_open.
  [[nodiscard]] std::error_code read(std::span<std::byte> out, std::size_t& n) noexcept;

  /// After a fault of a frame: finds the next frame, so that the rest of a damaged file, or what
  /// follows a cut one, can be read. It may begin in what the damaged frame claimed for itself:
  /// where that was here as a whole nothing is overlooked, of a larger one 512 KiB are looked at
  /// again. A frame is recognized by its magic number, its header and the header of its first
  /// block. The offsets of whole frames go on counting. It may block in read(2).
  /// @return whether there is one to go on with.
  [[nodiscard]] bool resume() noexcept;

  /// Whether the latest read() delivered content of a frame that is damaged: its fault follows.
  /// What one call delivers is all of such frames or all of others.
  [[nodiscard]] bool from_damaged_frame() const noexcept;

  /// Whether the input is zstd. False before the first read, for plain text and for empty input.
  /// Input of fewer than 4 bytes is zstd when it begins a frame's magic number (of a skippable one:
  /// at least 2 bytes of it), else text.
  [[nodiscard]] bool is_zstd() const noexcept;
  /// Bytes of input consumed, from where reading began.
  [[nodiscard]] std::uint64_t compressed_offset() const noexcept;
  /// Bytes of content delivered.
  [[nodiscard]] std::uint64_t content_offset() const noexcept;
  /// Offset in the input just after the last whole frame that decoded with a right checksum: where
  /// a damaged file is to be cut. 0 for plain text.
  [[nodiscard]] std::uint64_t whole_frames_end() const noexcept;
  /// Content bytes of those whole frames.
  [[nodiscard]] std::uint64_t whole_frames_content() const noexcept;
  /// Whole frames so far, skippable ones included.
  [[nodiscard]] std::uint64_t frames() const noexcept;
  /// After errc::window_too_large: the window the frame needs, in bytes. Else 0.
  [[nodiscard]] std::uint64_t window_needed() const noexcept;
  /// After errc::dictionary_needed: the number of the dictionary the frame was written with. Else
  /// 0.
  [[nodiscard]] std::uint32_t dictionary_needed() const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// What a walk over all frames found.
struct frame_scan {
  std::size_t size = sizeof(frame_scan);  ///< for later members; leave it
  std::uint64_t frames = 0;               ///< whole frames, skippable ones included
  std::uint64_t whole_end = 0;            ///< offset just after the last of them
  std::uint64_t content_bytes = 0;        ///< what they hold
  errc fault = errc::ok;  ///< why it ended: ok at a frame's end, truncated_frame, corrupt_frame, …
  bool is_zstd = false;   ///< false for plain text and for empty input
  std::uint8_t reserved[3] = {};  ///< leave it
};

/// Decodes everything, verifying checksums and keeping nothing: salvage cuts the file at
/// `whole_end`. Plain text is not read to its end. Reads from where `fd` stands; the descriptor
/// stays the caller's. Any thread.
/// @return success also for damaged input (see `fault`, which is errc::out_of_memory where decoding
/// wanted more); the errno of read(2); errc::out_of_memory.
[[nodiscard]] TCPINFO_API std::error_code scan_frames(int fd, frame_scan& out) noexcept;
/// The same for memory.
[[nodiscard]] TCPINFO_API std::error_code scan_frames(bytes_view bytes, frame_scan& out) noexcept;

}  // namespace tcpinfo::inline v0

#endif
