# cellos_guest_program(NAME source…): a static musl program built by the project's own C++ compiler.
#
# musl-gcc knows no C++ library, so the compiler is told where things are: musl's headers first, then the freestanding
# part of libstdc++, and the kernel's headers last. Nothing of the host flags (sanitizers, glibc fortification) applies.
find_path(MUSL_INCLUDE stdint.h PATHS /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-musl NO_DEFAULT_PATH REQUIRED)
find_path(MUSL_LIB rcrt1.o PATHS /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl NO_DEFAULT_PATH REQUIRED)
file(GLOB LIBSTDCXX_INCLUDE /usr/include/c++/12)
set(GNU_TRIPLE ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)

function(cellos_guest_program NAME)
  add_executable(${NAME} ${ARGN})
  target_compile_options(${NAME} PRIVATE
    -nostdinc -nostdinc++ "-D__GLIBC_PREREQ(a,b)=0"
    "SHELL:-iquote ${CMAKE_SOURCE_DIR}/src" "SHELL:-isystem ${LIBSTDCXX_INCLUDE}"
    "SHELL:-isystem /usr/include/${GNU_TRIPLE}/c++/12" "SHELL:-isystem ${MUSL_INCLUDE}"
    "SHELL:-idirafter /usr/include" "SHELL:-idirafter /usr/include/${GNU_TRIPLE}"
    -Wall -Wextra -Werror -Wno-missing-field-initializers
    -Os -ffreestanding -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables -fno-unwind-tables
    -fno-stack-protector -fno-threadsafe-statics -ffunction-sections -fdata-sections -fPIE -U_FORTIFY_SOURCE)
  target_link_options(${NAME} PRIVATE
    -nostdlib -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--build-id=none -s
    ${MUSL_LIB}/rcrt1.o ${MUSL_LIB}/crti.o)
  target_link_libraries(${NAME} PRIVATE ${MUSL_LIB}/libc.a gcc ${MUSL_LIB}/crtn.o)
endfunction()
