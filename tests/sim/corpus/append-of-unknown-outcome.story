# The log took an event and then gave an error. The controller went on with its copy of before, for as long as it had
# nothing else to write: an abort could lie in the log and nobody act on it.
{"seed":14,"deeds":[],"controllers":1,"fault_seconds":30.0,"rps":0.0,"lease_seconds":10.0}
{"do":"spoil","at":2.976,"point":"route","fate":"lost"}
{"do":"spoil","at":5.25,"point":"append","fate":"untold"}
{"do":"deploy","at":6.07,"shape":{"label":"v8","replicas":1,"weights":[20.0,40.0,60.0,80.0],"hold":3.0,"judged":false,"wait":0.0,"bake":2.0,"delay":4.0,"dynamic":true,"surge":2,"floor":1.0,"automatic":false,"deadline":10.0,"on_deadline":"pause","on_fail":"pause","on_inconclusive":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
