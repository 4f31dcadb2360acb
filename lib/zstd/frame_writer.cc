// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <memory>
#include <new>
#include <utility>

#include <tcpinfo/zstd.h>

#include "common/known_part.h"
#include "zstd/zstd_error.h"

namespace tcpinfo::inline v0 {
namespace {

struct free_cctx {
  void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
};

}  // namespace

struct [[gnu::visibility("hidden")]] frame_writer::impl {
  std::unique_ptr<ZSTD_CCtx, free_cctx> context;
};

frame_writer::frame_writer(frame_writer&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

frame_writer& frame_writer::operator=(frame_writer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

frame_writer::~frame_writer() { delete impl_; }

std::error_code frame_writer::create(const frame_options& given) noexcept {
  frame_options options;
  if (const std::error_code ec = read_known(given, options)) return ec;
  if (options.level < 1 || options.level > ZSTD_maxCLevel()) return errc::invalid_argument;
  if (options.window_log != 0 && (options.window_log < 10 || options.window_log > 27))
    return errc::invalid_argument;
  std::unique_ptr<impl> made(new (std::nothrow) impl);
  if (!made) return errc::out_of_memory;
  made->context.reset(ZSTD_createCCtx());
  if (!made->context) return errc::out_of_memory;
  ZSTD_CCtx* const c = made->context.get();
  for (const std::size_t result :
       {ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, options.level),
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, options.window_log),
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 1),
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)})
    if (ZSTD_isError(result) != 0) return from_zstd(result, errc::invalid_argument);
  delete std::exchange(impl_, made.release());
  return {};
}

std::error_code frame_writer::compress(bytes_view in, std::span<std::byte> out,
                                       std::size_t& written) noexcept {
  written = 0;
  if (impl_ == nullptr) return errc::not_open;
  // One call with all of the input: the frame carries its size, and the tables are made no larger
  // than that size needs.
  const std::size_t result =
      ZSTD_compress2(impl_->context.get(), out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(result) != 0) return from_zstd(result, errc::invalid_argument);
  written = result;
  return {};
}

std::size_t frame_writer::bound(std::size_t size) noexcept { return ZSTD_compressBound(size); }

std::size_t frame_writer::memory_bytes() const noexcept {
  return impl_ == nullptr ? 0 : ZSTD_sizeof_CCtx(impl_->context.get());
}

}  // namespace tcpinfo::inline v0
