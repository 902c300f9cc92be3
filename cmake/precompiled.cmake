# cellos_test_program(target): tests are compiled once and run once, so compiling them must be cheap.
# cellos_precompiled(target owner): with CELLOS_PCH, the target starts from the owner's precompiled headers.
#
# Two owners, as code of a library and of a program is not compiled alike.
function(cellos_precompiled TARGET OWNER)
  if(CELLOS_PCH)
    target_precompile_headers(${TARGET} REUSE_FROM ${OWNER})
  endif()
endfunction()

function(cellos_test_program TARGET)
  # The rooms under test stay as they ship.
  target_compile_options(${TARGET} PRIVATE $<$<CONFIG:Release>:-O0> $<$<CONFIG:Release>:-U_FORTIFY_SOURCE>)
  cellos_precompiled(${TARGET} cellos_pch_programs)
endfunction()

if(CELLOS_PCH)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "int main() { return 0; }\n")
  set(headers <algorithm> <array> <charconv> <chrono> <cstdint> <cstring> <expected> <filesystem> <functional> <map> <memory>
    <optional> <set> <span> <string> <string_view> <utility> <vector> <fmt/format.h>)
  add_library(cellos_pch_rooms STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  add_executable(cellos_pch_programs ${CMAKE_BINARY_DIR}/precompiled.cc)
  foreach(owner cellos_pch_rooms cellos_pch_programs)
    target_link_libraries(${owner} PRIVATE cellos_flags)
    # A time stamp in the file would make every build's objects its own.
    target_compile_options(${owner} PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  endforeach()
  target_link_libraries(cellos_pch_programs PRIVATE GTest::gmock GTest::gtest)
  target_precompile_headers(cellos_pch_rooms PRIVATE ${headers})
  target_precompile_headers(cellos_pch_programs PRIVATE ${headers} <fstream> <thread> <gtest/gtest.h> <gmock/gmock.h>)
endif()
