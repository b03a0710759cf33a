"""What CloudWatch does by itself on AWS, done for the embedded AWS: metrics from log lines, and alarms that keep to their words.

MiniStack stores metrics and alarms, and tells topics. It makes no metrics of the Embedded Metric Format, none of queues and
state machines, and it judges an alarm only when data are put, by all values of that metric's name, whatever their dimensions.
The bridge reads what is there, puts the data points (``measure``), judges each alarm by its own definition (``evaluate``)
and sets its state, whereupon MiniStack tells its topics (``carry``). It is a process of its own beside the server (``process``),
and uses nothing but the public interfaces of AWS.

Not known here: how many invocations of a function run at once.
"""
