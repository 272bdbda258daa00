module vedette/alloy-syntax

go 1.21

require github.com/grafana/alloy/syntax v0.1.0
