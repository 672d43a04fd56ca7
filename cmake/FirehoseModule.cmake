# SPDX-License-Identifier: Apache-2.0
# firehose_module(NAME n DEPS <modules> LIBS <targets> HEADERS ... SOURCES ... TESTS ... TEST_DEPS <modules>)
# makes the library firehose_<n>, the check that each header compiles alone, and the test binary
# <n>_test whose tests carry the ctest label <n>. tools/tidy.py reads DEPS back from here.
# THREADED says that threads meet in it: its test also runs under TSan (firehose_threaded).
function(firehose_module)
  cmake_parse_arguments(M "THREADED" "NAME" "DEPS;LIBS;HEADERS;SOURCES;TESTS;TEST_DEPS" ${ARGN})
  set(lib firehose_${M_NAME})
  add_library(${lib} STATIC)
  add_library(firehose::${M_NAME} ALIAS ${lib})
  list(TRANSFORM M_DEPS PREPEND firehose:: OUTPUT_VARIABLE deps)
  list(TRANSFORM M_TEST_DEPS PREPEND firehose:: OUTPUT_VARIABLE test_deps)
  target_sources(${lib}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${M_HEADERS}
    PRIVATE ${M_SOURCES})
  if(NOT M_SOURCES)
    file(WRITE ${CMAKE_BINARY_DIR}/empty/${lib}.cpp "")
    target_sources(${lib} PRIVATE ${CMAKE_BINARY_DIR}/empty/${lib}.cpp)
  endif()
  target_link_libraries(${lib} PUBLIC firehose::flags ${deps} ${M_LIBS})
  set_target_properties(${lib} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  if(FIREHOSE_TESTS AND M_TESTS)
    add_executable(${M_NAME}_test ${M_TESTS})
    target_link_libraries(${M_NAME}_test PRIVATE ${lib} ${test_deps} GTest::gmock GTest::gtest_main)
    add_test(NAME ${M_NAME} COMMAND ${M_NAME}_test --gtest_brief=1)
    set_tests_properties(${M_NAME} PROPERTIES LABELS ${M_NAME} TIMEOUT 120)
    if(M_THREADED)
      firehose_threaded(${M_NAME} ${M_NAME}_test)
    endif()
  endif()
endfunction()

# firehose_threaded(<test> <targets>...): ./test runs this test, which needs these targets, under TSan too.
add_custom_target(threaded)
function(firehose_threaded test)
  add_dependencies(threaded ${ARGN})
  set_property(TEST ${test} APPEND PROPERTY LABELS threaded)
endfunction()
