// SPDX-License-Identifier: Apache-2.0
// fmt, compiled once: Debian ships it as a shared object only, and included as headers it costs every file three seconds.
#include <fmt/format-inl.h>

#include <locale>

namespace fmt::inline v9::detail {

// What format.h declares and leaves to a library.
template auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template auto locale_ref::get<std::locale>() const -> std::locale;
template auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);

}  // namespace fmt::inline v9::detail
