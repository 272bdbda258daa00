# SPDX-License-Identifier: Apache-2.0
# What every target shares: warnings, hardening, sanitizers, and the two shapes a target has here.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(vedette_flags INTERFACE)
target_include_directories(vedette_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(vedette_flags INTERFACE _GNU_SOURCE VEDETTE_VERSION="${PROJECT_VERSION}$<$<BOOL:${VEDETTE_FAULTS}>:-faults>"
  $<$<BOOL:${VEDETTE_FAULTS}>:VEDETTE_FAULTS>)
target_compile_options(vedette_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wformat=2 -Wvla -Wundef
  -Wwrite-strings -Wimplicit-fallthrough -fno-common -fstack-protector-strong
  -include ${PROJECT_SOURCE_DIR}/common/base/banned.h)
target_link_options(vedette_flags INTERFACE -Wl,-z,relro,-z,now,-z,pack-relative-relocs)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(vedette_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(VEDETTE_SANITIZE)
  target_compile_options(vedette_flags INTERFACE -fsanitize=${VEDETTE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(vedette_flags INTERFACE -fsanitize=${VEDETTE_SANITIZE})
endif()
if(VEDETTE_COVERAGE)
  target_compile_options(vedette_flags INTERFACE --coverage)
  target_link_options(vedette_flags INTERFACE --coverage)
endif()
if(VEDETTE_FUZZ)
  # The libraries too report what they reach: a fuzzer that sees only its own file is blind.
  target_compile_options(vedette_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(vedette_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(VEDETTE_SANITIZE OR VEDETTE_COVERAGE)
  # Sanitizers need system calls that no honest program of ours makes.
  target_compile_definitions(vedette_flags INTERFACE VEDETTE_NO_SECCOMP)
endif()

# vedette_library(NAME SOURCES ... LINK ...): a static library; LINK is public.
function(vedette_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC vedette_flags ${A_LINK})
endfunction()

# vedette_program(NAME SOURCES ... LINK ...)
function(vedette_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE vedette_flags ${A_LINK})
endfunction()

# vedette_test(NAME SOURCES ... LINK ...): a cmocka program that ctest runs.
function(vedette_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE vedette_flags ${A_LINK} cmocka)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# vedette_fuzzer(NAME SOURCES ... LINK ...): a libFuzzer program; its corpus is kept in analyzer/fuzz/corpus/NAME.
function(vedette_fuzzer name)
  if(VEDETTE_FUZZ)
    cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE vedette_flags ${A_LINK})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

# vedette_documents(PROGRAM SECTION): installs the program, and what it says of itself: its page for man(1) and what
# completes it in bash and zsh. A cross-built program cannot be asked here; whoever installs it asks it there.
function(vedette_documents program section)
  include(GNUInstallDirs)
  install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(CMAKE_CROSSCOMPILING)
    return()
  endif()
  set(folder ${CMAKE_BINARY_DIR}/documents)
  set(page ${folder}/${program}.${section})
  add_custom_command(OUTPUT ${page} ${folder}/${program} ${folder}/_${program}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${program} --man > ${page}
    COMMAND ${program} --completion=bash > ${folder}/${program}
    COMMAND ${program} --completion=zsh > ${folder}/_${program}
    DEPENDS ${program} VERBATIM)
  add_custom_target(${program}-documents ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  install(FILES ${folder}/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${folder}/_${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  add_test(NAME ${program}-documents COMMAND ${PROJECT_SOURCE_DIR}/common/base/documents_test $<TARGET_FILE:${program}>)
  set_tests_properties(${program}-documents PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
