# Language level, warnings, hardening, sanitizers, ccache and mold: everything that holds for every target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)  # TRY is a GNU statement expression
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(cellos_flags INTERFACE)
target_compile_options(cellos_flags INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers -Wnon-virtual-dtor -Wshadow=local
  -fstack-protector-strong -fno-strict-overflow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 finds it in std::optional where there is none, depending on what was inlined; clang's own analysis stays on.
  target_compile_options(cellos_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # TRY is a statement expression by design; clang has no -Wshadow=local; libstdc++ 12 itself uses what it deprecates.
  target_compile_options(cellos_flags INTERFACE -Wno-gnu-statement-expression -Wno-shadow -Wno-unknown-warning-option
    -Wno-deprecated-declarations)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(cellos_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(cellos_flags INTERFACE -fcf-protection)
endif()

# Half of the time of a build with clang goes into the standard library's headers. What ships is built without, and so is
# every test once: a file that forgot an include does not pass.
option(CELLOS_PCH "start rooms and tests from precompiled headers" OFF)

set(CELLOS_SANITIZE "" CACHE STRING "sanitizers for every host target, e.g. address,undefined")
if(CELLOS_SANITIZE)
  # Compiled and run once, unoptimised code is the quickest way to a verdict; searches and threads run long.
  set(optimise -O1)
  if(CELLOS_SANITIZE MATCHES "address" AND NOT CELLOS_FUZZ)
    set(optimise)
  endif()
  target_compile_options(cellos_flags INTERFACE -fsanitize=${CELLOS_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all ${optimise} -g1 -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=.)
  target_link_options(cellos_flags INTERFACE -fsanitize=${CELLOS_SANITIZE})
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()
